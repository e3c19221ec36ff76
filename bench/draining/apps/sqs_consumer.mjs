// BBC sqs-consumer: as many consumers as make up the slots, each with a batch of ten and a handler for the batch.
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const { Consumer } = createRequire(`${process.env.BENCH_MODULES}/`)("sqs-consumer");
const { SQSClient } = createRequire(`${process.env.BENCH_MODULES}/`)("@aws-sdk/client-sqs");
const { BENCH_QUEUE_URL, BENCH_ENDPOINT, BENCH_SLOTS, BENCH_WAIT_SECONDS } = process.env;
const pause = Number(process.env.BENCH_PAUSE_SECONDS) * 1000;

const sqs = new SQSClient({ endpoint: BENCH_ENDPOINT });
const consumers = Array.from({ length: Math.floor(Number(BENCH_SLOTS) / 10) }, () =>
  Consumer.create({
    queueUrl: BENCH_QUEUE_URL,
    sqs,
    batchSize: 10,
    waitTimeSeconds: Number(BENCH_WAIT_SECONDS),
    messageSystemAttributeNames: ["ApproximateReceiveCount", "SentTimestamp"],
    pollingCompleteWaitTimeMs: 10_000,
    handleMessageBatch: async (messages) => {
      if (pause) await Promise.all(messages.map(() => sleep(pause)));
      return messages;
    },
  }),
);
let running = consumers.length;
for (const consumer of consumers) {
  consumer.on("error", (error) => console.error(error));
  consumer.on("stopped", () => {
    if (--running === 0) process.exit(0);
  });
  consumer.start();
}
process.on("SIGTERM", () => consumers.forEach((consumer) => consumer.stop()));
