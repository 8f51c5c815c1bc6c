// The job for BullMQ.
import { Worker } from "bullmq";
import { QUEUE, place, work } from "./record.mjs";

const worker = new Worker(QUEUE, (job) => work(job.id), {
  connection: { ...place, maxRetriesPerRequest: null },
  concurrency: 2,
  lockDuration: 5000,
  stalledInterval: 2000,
  maxStalledCount: 10,
});
worker.on("error", (error) => console.error(String(error)));
worker.on("failed", (job, error) => console.error(job?.id, String(error)));
process.on("SIGTERM", () => worker.close().then(() => process.exit(0)));
