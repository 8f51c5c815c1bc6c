// How a run is written down, as record.py has it.
import { closeSync, openSync, writeSync } from "node:fs";

export const QUEUE = "main";
const SLEEP = 20;
const file = openSync(process.env.CHAOS_LEDGER, "a");
// The ledger's clock goes on while the machine sleeps; this one does not. The runner says how far they are apart.
const apart = BigInt(process.env.CHAOS_CLOCK);
const { hostname, port } = new URL(process.env.CHAOS_URL);
export const place = { host: hostname, port: Number(port) };

export function write(...words) {
  writeSync(file, `${words.join(" ")} ${process.hrtime.bigint() + apart}\n`);
}

export async function work(job) {
  const words = [QUEUE, job, process.hrtime.bigint(), process.pid];
  write("start", ...words);
  await new Promise((done) => setTimeout(done, SLEEP));
  write("end", ...words, "returned");
}

export async function produce(enqueue) {
  const began = performance.now();
  for (let n = 0; n < Number(process.env.CHAOS_JOBS); n++) {
    const job = process.env.CHAOS_JOB + String(n).padStart(5, "0");
    const wait = began + (n * 1000) / Number(process.env.CHAOS_RATE) - performance.now();
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    try {
      await enqueue(job);
      write("accepted", QUEUE, job);
    } catch (error) {
      console.error(job, String(error));
      write("unknown", QUEUE, job);
    }
  }
  closeSync(file);
  process.exit(0);
}
