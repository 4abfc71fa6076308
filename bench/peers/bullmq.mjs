// BullMQ: N delayed jobs due at the same time, each a GET. Its best configuration: one process, a worker that takes 100
// at once, finished jobs removed. No event log.
import http from "node:http";
import { Queue, Worker } from "bullmq";

const jobs = Number(process.env.JOBS);
const runner = new URL(process.env.RUNNER);
const connection = { path: process.env.REDIS_SOCKET, maxRetriesPerRequest: null };
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
const concurrency = 100;

const get = (number, due) =>
  new Promise((resolve, reject) => {
    const options = {
      agent,
      host: runner.hostname,
      port: runner.port,
      path: `${runner.pathname}/${number}`,
      headers: { "x-scheduled-for": due },
    };
    http.get(options, (answer) => answer.resume().on("end", resolve)).on("error", reject);
  });

const queue = new Queue("fire", { connection });
await queue.waitUntilReady();
const due = new Date(Math.ceil(Date.now() / 1000 + 4 + jobs / 2000) * 1000);
const opts = () => ({ delay: due - Date.now(), removeOnComplete: true, removeOnFail: true });
for (let first = 1; first <= jobs; first += 1000) {
  const numbers = Array.from({ length: Math.min(1000, jobs - first + 1) }, (_, place) => first + place);
  await queue.addBulk(numbers.map((number) => ({ name: "fire", data: { number }, opts: opts() })));
}
if (Date.now() >= due) throw new Error("not all jobs were stored before they were due");

let left = jobs;
let finished;
const allDone = new Promise((resolve) => (finished = resolve));
const worker = new Worker(
  "fire",
  async (job) => {
    await get(job.data.number, due.toISOString());
    if (--left === 0) finished();
  },
  { connection, concurrency },
);
await worker.waitUntilReady();
await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - Date.now())));
const before = process.cpuUsage();
await Promise.race([allDone, new Promise((resolve) => setTimeout(resolve, 60_000))]);
const { user, system } = process.cpuUsage(before);
console.log(
  JSON.stringify({
    peer: "BullMQ 6.7.0",
    configuration: `Redis 7, appendfsync always; ${concurrency} at once, finished jobs removed, no event log, GET`,
    cpu: user + system,
  }),
);
process.exit(0);
