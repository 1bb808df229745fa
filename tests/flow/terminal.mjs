// terminal.mjs - a verb of qungong at a terminal of its own, as a person has it: what it showed, and a way to type.
import { spawn, spawnSync } from 'node:child_process';
import { until } from './rig.mjs';

const hasTerminal = spawnSync('script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0;
export const skip = hasTerminal ? false : 'no terminal can be opened';

const QUESTIONS = { shop_name: '小满餐厅', phone: '021-5555', hours: '每天11:00-21:30', address: '青禾路18号' };
// What the restaurant's interview asks, and more.
export const answers = (more = {}) => Object.entries({ ...QUESTIONS, ...more }).flatMap(([key, value]) => ['--answers', `${key}=${value}`]);

export class Typed {
	constructor(rig, args, env = {}) {
		const words = [process.env.QUNGONG_BIN, ...args, '-c', rig.configPath].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
		this.child = spawn('script', ['-qfec', words, '/dev/null'], { cwd: rig.folder, env: { ...rig.environment(env), SHELL: '/bin/sh', TERM: 'dumb' },
			stdio: ['pipe', 'pipe', 'ignore'] });
		this.out = '';
		this.child.stdin.on('error', () => {});
		this.child.stdout.setEncoding('utf8').on('data', (text) => { this.out += text; });
		this.ended = new Promise((resolve) => { this.child.on('close', (code) => resolve(code)); });
		rig.onEnd(() => this.child.kill('SIGKILL'));
	}

	until(pattern, ms = 15_000) {
		return until(() => pattern.exec(this.out), ms, () => `${pattern} in ${this.out.slice(-1500)}`);
	}

	type(text) {
		this.child.stdin.write(text);
	}

	// To the end of `hire`: whatever it still asks stays empty. The code by which somebody becomes admin.
	async code(ms = 40_000) {
		await until(() => {
			if (/绑定 \d{6}/.test(this.out)) {
				return true;
			}
			if (/> ?\r?\n?$/.test(this.out)) {
				this.out += '\n';
				this.type('\n');
			}
			return false;
		}, ms, () => `the code for the first admin in ${this.out.slice(-1500)}`);
		return /绑定 (\d{6})/.exec(this.out)[1];
	}
}
