// A worker of BullMQ.
import { Worker } from "bullmq";
import { note, now, tick } from "./stopwatch.mjs";

const NAP = 50;
const { hostname, port } = new URL(process.env.BENCH_URL);
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function run(job) {
  switch (job.name) {
    case "work":
    case "carry":
      return tick();
    case "arrive":
      return note(now() - job.data.value);
    case "nap":
      tick();
      await wait(NAP);
      return tick();
    case "hang":
      tick();
      return wait(3_600_000);
    case "echo":
      return job.data.value;
    default:
      throw new Error(job.name);
  }
}

const worker = new Worker("bench", run, {
  connection: { host: hostname, port: Number(port), maxRetriesPerRequest: null },
  concurrency: Number(process.env.BENCH_CONCURRENCY),
});
worker.on("error", (error) => console.error(String(error)));
worker.on("failed", (job, error) => console.error(job?.id, String(error)));
process.on("SIGTERM", () => process.exit(0));
