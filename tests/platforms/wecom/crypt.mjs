// crypt.mjs - the platform's side of the WeChat family's envelope: seals what is delivered, opens what is answered.
//
// Strict where the official packages are not: padding, length and receive id of an answer are all looked at, so that a
// bot that pads wrongly is found out here. Files have neither random bytes nor a length in front.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const BLOCK = 32;

// 43 characters; the last one's two low bits mean nothing.
export const keyOf = text => Buffer.from(`${text}=`, 'base64');

const sha1 = text => createHash('sha1').update(text).digest('hex');
export const md5 = data => createHash('md5').update(data).digest('hex');

export function sign(token, timestamp, nonce, encrypt) {
	const parts = [token, timestamp, nonce, encrypt].map(part => Buffer.from(String(part)));
	return sha1(Buffer.concat(parts.sort(Buffer.compare)));
}

function pad(data) {
	const count = BLOCK - (data.length % BLOCK);
	return Buffer.concat([data, Buffer.alloc(count, count)]);
}

function encipher(key, padded) {
	const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
	return Buffer.concat([cipher.update(padded), cipher.final()]);
}

function decipher(key, data) {
	const cipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
	const plain = Buffer.concat([cipher.update(data), cipher.final()]);
	const count = plain.at(-1);
	if (!(count >= 1 && count <= BLOCK) || plain.length % BLOCK !== 0) throw new Error('padding');
	if (!plain.subarray(-count).every(byte => byte === count)) throw new Error('padding bytes');
	return plain.subarray(0, -count);
}

export function seal(key, text, receiveId = '', random = randomBytes(16)) {
	const message = Buffer.from(text);
	const length = Buffer.alloc(4);
	length.writeUInt32BE(message.length);
	return encipher(key, pad(Buffer.concat([random, length, message, Buffer.from(receiveId)]))).toString('base64');
}

export function open(key, encrypt, receiveId = '') {
	const data = Buffer.from(encrypt, 'base64');
	if (data.length === 0 || data.length % 16 !== 0 || data.toString('base64') !== encrypt) throw new Error('base64');
	const plain = decipher(key, data);
	const size = plain.length < 20 ? -1 : plain.readUInt32BE(16);
	if (size < 0 || size > plain.length - 20) throw new Error('length');
	if (plain.subarray(20 + size).toString() !== receiveId) throw new Error('receive id');
	return plain.subarray(20, 20 + size).toString('utf8');
}

// broken: 'padding' gives last bytes that are none, 'length' cuts the ciphertext inside a block.
export function sealFile(key, data, broken) {
	const padded = pad(data);
	if (broken === 'padding') padded[padded.length - 1] = 77;
	const sealed = encipher(key, padded);
	return broken === 'length' ? sealed.subarray(0, -7) : sealed;
}
