// graphile-worker: N jobs with the same run_at, each a GET. Its best configuration: one process, a local queue that
// fetches jobs in batches, completions written in batches. No event log.
import http from "node:http";
import { makeWorkerUtils, run } from "graphile-worker";

const jobs = Number(process.env.JOBS);
const runner = new URL(process.env.RUNNER);
const connectionString = process.env.POSTGRES_URL;
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

const utils = await makeWorkerUtils({ connectionString });
await utils.migrate();
const due = new Date(Math.ceil(Date.now() / 1000 + 4 + jobs / 5000) * 1000);
for (let first = 1; first <= jobs; first += 5000) {
  const numbers = Array.from({ length: Math.min(5000, jobs - first + 1) }, (_, place) => first + place);
  await utils.addJobs(numbers.map((number) => ({ identifier: "fire", payload: { number }, runAt: due })));
}
if (Date.now() >= due) throw new Error("not all jobs were stored before they were due");

let left = jobs;
let finished;
const allDone = new Promise((resolve) => (finished = resolve));
const worker = await run({
  connectionString,
  concurrency,
  noHandleSignals: true,
  pollInterval: 100,
  taskList: {
    fire: async ({ number }) => {
      await get(number, due.toISOString());
      if (--left === 0) finished();
    },
  },
  preset: {
    worker: {
      concurrentJobs: concurrency,
      maxPoolSize: 10,
      pollInterval: 100,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  },
  logger: undefined,
});
await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - Date.now())));
const before = process.cpuUsage();
await Promise.race([allDone, new Promise((resolve) => setTimeout(resolve, 60_000))]);
const { user, system } = process.cpuUsage(before);
console.log(
  JSON.stringify({
    peer: "graphile-worker 0.18.0",
    configuration: `PostgreSQL; ${concurrency} at once, local queue of 500, completions batched, poll 100 ms, no event log, GET`,
    cpu: user + system,
  }),
);
await Promise.race([worker.stop(), new Promise((resolve) => setTimeout(resolve, 3_000))]);
process.exit(0);
