// server.mjs - a qungong of a test's own: its config, its data, its ports, started and stopped as people do it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const READY_MS = 80000;

/** Calls check until it gives something true. */
export async function until(check, what, within = READY_MS) {
  const end = Date.now() + within;
  for (;;) {
    const found = await check();
    if (found) {
      return found;
    }
    if (Date.now() > end) {
      throw new Error(`waited in vain for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export class Server {
  /** config: text of qungong.yaml; bots: their names; files: name -> text, beside it. */
  static async start(config, bots, files) {
    const server = new Server();
    server.bots = bots;
    server.dir = await mkdtemp(join(tmpdir(), "qungong-browser-"));
    await writeFile(join(server.dir, "qungong.yaml"), config);
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(server.dir, name), text);
    }
    await server.run();
    server.token = (await readFile(join(server.dir, "data", "admin.token"), "utf8")).trim();
    return server;
  }

  get base() {
    return `http://127.0.0.1:${this.ports[1]}`;
  }

  async run() {
    const bin = process.env.QUNGONG_BIN;
    const [hook, admin] = this.ports ?? [0, 0];
    this.log = "";
    this.child = spawn(bin, ["run", "-c", join(this.dir, "qungong.yaml"), "--listen", `127.0.0.1:${hook}`,
      "--admin-listen", `127.0.0.1:${admin}`], { stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout.on("data", (data) => (this.log += data));
    this.child.stderr.on("data", (data) => (this.log += data));
    this.ended = once(this.child, "exit");
    await until(() => this.isReady(), "its bots").catch((error) => {
      throw new Error(`${error.message}\n${this.log}`);
    });
  }

  /** Its ports are the system's choice at the first start, and kept; a bot opens behind the readiness of its process. */
  async isReady() {
    if (this.child.exitCode !== null) {
      throw new Error(`ended with ${this.child.exitCode}\n${this.log}`);
    }
    this.ports = /listening on \S+:(\d+), admin on \S+:(\d+)/.exec(this.log)?.slice(1) ?? this.ports;
    const status = (path) => fetch(`${this.base}${path}`).then((answer) => answer.status, () => 503);
    return this.ports && (await status("/readyz")) === 200 &&
      (await Promise.all(this.bots.map((bot) => status(`/chat/${bot}/about`)))).every((one) => one !== 503);
  }

  /** Ends the process; its data stays. */
  async end() {
    this.child.kill("SIGTERM");
    await this.ended;
  }

  async stop() {
    if (this.child?.exitCode === null) {
      await this.end();
    }
    await rm(this.dir, { recursive: true, force: true });
  }

  /** Says something as a script would, past the page. */
  async post(bot, message) {
    const answer = await fetch(`${this.base}/chat/${bot}/messages`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${this.token}` },
      body: JSON.stringify(message),
    });
    if (answer.status !== 202) {
      throw new Error(`post: ${answer.status} ${await answer.text()}`);
    }
    return (await answer.json()).id;
  }
}
