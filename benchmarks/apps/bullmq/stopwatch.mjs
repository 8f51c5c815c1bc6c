// Writes down when jobs run, as stopwatch.py has it.
import { appendFileSync } from "node:fs";
import { join } from "node:path";

const EVERY = 20;
const file = join(process.env.BENCH_FOLDER, String(process.pid));
const values = [];
let written = 0;

// The clock is CLOCK_MONOTONIC, in seconds.
export function now() {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds + nanoseconds / 1e9;
}

export function note(value) {
  if (values.push(value) === 1) setInterval(write, EVERY);
}

export function tick() {
  note(now());
}

function write() {
  if (values.length === written) return;
  appendFileSync(file, new Uint8Array(Float64Array.from(values.slice(written)).buffer));
  written = values.length;
}
