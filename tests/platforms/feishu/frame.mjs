// frame.mjs - the frames of the long connection: protobuf of one known shape, written and read by hand.
//
// A frame: {SeqID, LogID (BigInt), service, method, headers: [[key, value]], payload_encoding, payload_type, payload
// (Buffer), LogIDNew}. The first four are always written; what is undefined of the rest is not.
export const CONTROL = 0;
export const DATA = 1;

const VARINT = 0;
const BYTES = 2;
const NUMBERS = { 1: 'SeqID', 2: 'LogID', 3: 'service', 4: 'method' };
const TEXTS = { 6: 'payload_encoding', 7: 'payload_type', 9: 'LogIDNew' };

function varint(value) {
	const bytes = [];
	let left = BigInt.asUintN(64, BigInt(value));
	do {
		const low = Number(left & 0x7fn);
		left >>= 7n;
		bytes.push(left ? low | 0x80 : low);
	} while (left);
	return Buffer.from(bytes);
}

const number = (field, value) => Buffer.concat([varint((field << 3) | VARINT), varint(value)]);

function bytes(field, value) {
	const data = Buffer.from(value);
	return Buffer.concat([varint((field << 3) | BYTES), varint(data.length), data]);
}

export function writeFrame(frame) {
	const parts = Object.entries(NUMBERS).map(([field, name]) => number(Number(field), frame[name]));
	for (const [key, value] of frame.headers ?? []) parts.push(bytes(5, Buffer.concat([bytes(1, key), bytes(2, value)])));
	for (const field of [6, 7, 8, 9]) {
		const value = field === 8 ? frame.payload : frame[TEXTS[field]];
		if (value !== undefined) parts.push(bytes(field, value));
	}
	return Buffer.concat(parts);
}

class Reader {
	constructor(data) {
		this.data = data;
		this.at = 0;
	}

	get isDone() {
		return this.at >= this.data.length;
	}

	varint() {
		let value = 0n;
		for (let shift = 0n; shift < 70n; shift += 7n) {
			const byte = this.data[this.at++];
			if (byte === undefined) throw new Error('a number is cut short');
			value |= BigInt(byte & 0x7f) << shift;
			if (byte < 0x80) return BigInt.asUintN(64, value);
		}
		throw new Error('a number of more than ten bytes');
	}

	bytes() {
		const size = Number(this.varint());
		if (size > this.data.length - this.at) throw new Error('a length past the end');
		this.at += size;
		return this.data.subarray(this.at - size, this.at);
	}

	// The next field: [number, value].
	field() {
		const tag = Number(this.varint());
		const type = tag & 7;
		if (type !== VARINT && type !== BYTES) throw new Error(`wire type ${type}`);
		return [tag >>> 3, type === VARINT ? this.varint() : this.bytes()];
	}
}

function readHeader(data) {
	const reader = new Reader(data);
	const header = [undefined, undefined];
	while (!reader.isDone) {
		const [field, value] = reader.field();
		if (field === 1 || field === 2) header[field - 1] = value.toString('utf8');
	}
	if (header.includes(undefined)) throw new Error('a header without key or value');
	return header;
}

// Throws where it is none: also where one of the four numbers that must be there is missing.
export function readFrame(data) {
	const reader = new Reader(data);
	const frame = { headers: [] };
	while (!reader.isDone) {
		const [field, value] = reader.field();
		if (NUMBERS[field]) frame[NUMBERS[field]] = field > 2 ? Number(BigInt.asIntN(32, value)) : value;
		else if (field === 5) frame.headers.push(readHeader(value));
		else if (field === 8) frame.payload = value;
		else if (TEXTS[field]) frame[TEXTS[field]] = value.toString('utf8');
	}
	for (const name of Object.values(NUMBERS)) {
		if (frame[name] === undefined) throw new Error(`${name} is missing`);
	}
	return frame;
}

export const headerOf = (frame, key) => frame.headers.find(([name]) => name === key)?.[1];
