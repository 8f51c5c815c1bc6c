// Enqueues for BullMQ, takes the time, and prints what it found as JSON, as produce.py has it.
import { Queue, QueueEvents } from "bullmq";
import { now } from "./stopwatch.mjs";

const AT_ONCE = 100;
const BULK = 1000;
const WARM_UP = 200;
const TURN = 0.005;

const { hostname, port } = new URL(process.env.BENCH_URL);
const connection = { host: hostname, port: Number(port) };
const queue = new Queue("bench", { connection });
const wait = (seconds) => new Promise((done) => setTimeout(done, Math.max(0, seconds * 1000)));
const job = (name, value) => ({ name, data: value === undefined ? {} : { value } });
const add = (name, value) => queue.add(name, job(name, value).data);

async function fill(name, count, value) {
  for (let sent = 0; sent < count; sent += BULK) {
    const size = Math.min(BULK, count - sent);
    await queue.addBulk(Array.from({ length: size }, () => job(name, value)));
  }
}

async function run(verb, numbers) {
  const began = now();
  const [first, second] = numbers;
  if (verb === "one") {
    for (let n = 0; n < first; n++) await add("work");
  } else if (verb === "gather") {
    for (let sent = 0; sent < first; sent += AT_ONCE) {
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, first - sent) }, () => add("work")));
    }
  } else if (verb === "bulk") {
    await fill("work", first);
  } else if (verb === "lone") {
    for (let n = 0; n < first; n++) {
      await wait(began + n * second - now());
      await add("arrive", now());
    }
  } else if (verb === "load") {
    let sent = 0;
    for (let past = 0; past < second; past = now() - began) {
      const due = Math.floor(first * past) - sent;
      sent += due;
      await wait(TURN - (now() - began - past));
      const at = now();
      if (due) await queue.addBulk(Array.from({ length: due }, () => job("arrive", at)));
    }
    return { rate: sent / (now() - began), sent };
  } else if (verb === "ask") {
    const events = new QueueEvents("bench", { connection });
    await events.waitUntilReady();
    await wait(0.2); // it hears what is told from when it has asked for the first time
    const seconds = [];
    for (let n = 0; n < first; n++) {
      const asked = now();
      const found = await (await add("echo", n)).waitUntilFinished(events, 10_000);
      seconds.push(now() - asked);
      if (found !== n) throw new Error(`the result is ${found}, not ${n}`);
    }
    await events.close();
    return { seconds };
  } else {
    throw new Error(`cannot ${verb} ${numbers}`);
  }
  return { seconds: now() - began };
}

const [verb, ...words] = process.argv.slice(2);
let found = null;
if (verb === "fill") {
  await fill(words[0], Number(words[1]), words[2] ? "x".repeat(Number(words[2])) : undefined);
} else {
  if (["one", "gather", "bulk"].includes(verb)) await run(verb, [WARM_UP]);
  found = await run(verb, words.map(Number));
}
console.log(JSON.stringify(found));
await queue.close();
process.exit(0);
