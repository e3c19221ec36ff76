// squiss-ts: one poll loop, a count of messages in flight, batched deletes.
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const { Squiss } = createRequire(`${process.env.BENCH_MODULES}/`)("squiss-ts");
const { BENCH_QUEUE_URL, BENCH_ENDPOINT, BENCH_SLOTS, BENCH_WAIT_SECONDS } = process.env;
const pause = Number(process.env.BENCH_PAUSE_SECONDS) * 1000;

const squiss = new Squiss({
  awsConfig: { endpoint: BENCH_ENDPOINT },
  queueUrl: BENCH_QUEUE_URL,
  bodyFormat: "plain",
  maxInFlight: Number(BENCH_SLOTS),
  receiveBatchSize: 10,
  deleteBatchSize: 10,
  receiveWaitTimeSecs: Number(BENCH_WAIT_SECONDS),
  receiveSqsAttributes: ["ApproximateReceiveCount", "SentTimestamp"],
});
squiss.on("message", async (message) => {
  if (pause) await sleep(pause);
  message.del().catch(() => {});
});
squiss.on("error", (error) => console.error(error));
process.on("SIGTERM", async () => {
  await squiss.stop(false, 10_000);
  process.exit(0);
});
await squiss.start();
