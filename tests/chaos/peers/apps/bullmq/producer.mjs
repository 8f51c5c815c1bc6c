// Enqueues the jobs for BullMQ.
import { Queue } from "bullmq";
import { QUEUE, place, produce } from "./record.mjs";

const queue = new Queue(QUEUE, { connection: place });
queue.on("error", (error) => console.error(String(error)));
await produce((job) => queue.add("work", {}, { jobId: job }));
