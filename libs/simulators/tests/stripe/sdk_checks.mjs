// Stripe's official SDK for Node against a running simulator. Not among the tests that always run, as the SDK is no dependency:
//   npm install --prefix FOLDER stripe@23.1.0
//   STRIPE_SIMULATOR=http://127.0.0.1:12111 NODE_PATH=FOLDER/node_modules node --test libs/simulators/tests/stripe/sdk_checks.mjs

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { createServer } from "node:http";
import test from "node:test";

const Stripe = createRequire(`${process.env.NODE_PATH}/`)("stripe");
const at = new URL(process.env.STRIPE_SIMULATOR);
const cardOnly = { enabled: true, allow_redirects: "never" };
const back = "https://shop.example/back";

// An account of its own for each check.
function account(name) {
  const key = `sk_test_node${name.replaceAll(/\W/g, "")}${process.pid}`;
  const stripe = new Stripe(key, { host: at.hostname, port: at.port, protocol: "http", maxNetworkRetries: 0 });
  const pay = (payment_method, more = {}) =>
    stripe.paymentIntents.create({
      amount: 1000, currency: "usd", confirm: true, payment_method, automatic_payment_methods: cardOnly, ...more,
    });
  return { key, stripe, pay };
}

const control = (path, body = {}) =>
  fetch(new URL(`/_sim/${path}`, at), {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  }).then((answer) => answer.json());

async function until(read) {
  for (let tries = 0; tries < 100; tries++) {
    const found = await read();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail("it did not come true");
}

function check(name, run) {
  test(name, () => run(account(name)));
}

check("search is paged to its end", async ({ stripe, pay }) => {
  for (let i = 0; i < 5; i++) await pay("pm_card_visa", { metadata: { batch: "a" } });
  const found = [];
  for await (const one of stripe.paymentIntents.search({ query: "metadata['batch']:'a'", limit: 2 })) found.push(one.id);
  assert.equal(new Set(found).size, 5);
});

check("lists are paged to their end", async ({ stripe, pay }) => {
  for (let i = 0; i < 5; i++) await pay("pm_card_visa");
  for (const noun of ["paymentIntents", "charges", "events", "paymentMethods"]) {
    const found = [];
    for await (const one of stripe[noun].list({ limit: 2 })) found.push(one.id);
    assert.ok(new Set(found).size >= 5, noun);
  }
});

check("capture is asynchronous", async ({ stripe, pay }) => {
  const intent = await pay("pm_card_visa", { expand: ["latest_charge"] });
  assert.equal(intent.latest_charge.balance_transaction, null);
  await until(async () => (await stripe.charges.retrieve(intent.latest_charge.id)).balance_transaction);
  const [event] = (await stripe.events.list({ type: "charge.updated" })).data;
  assert.deepEqual(event.data.previous_attributes, { balance_transaction: null });
});

check("a decline is a card error with advice", async ({ pay }) => {
  await assert.rejects(pay("pm_card_chargeDeclinedInsufficientFunds"), (error) => {
    assert.ok(error instanceof Stripe.errors.StripeCardError);
    assert.equal(error.decline_code, "insufficient_funds");
    assert.equal(error.raw.advice_code, "try_again_later");
    assert.equal(error.payment_intent.status, "requires_payment_method");
    return true;
  });
});

check("a payment method of nobody's is used once", async ({ pay }) => {
  const { payment_method } = await pay("pm_card_visa");
  await assert.rejects(pay(payment_method), /may not be used again/);
});

check("a replay is the same object", async ({ stripe }) => {
  const params = { amount: 1000, currency: "usd" };
  const first = await stripe.paymentIntents.create(params, { idempotencyKey: "k" });
  const again = await stripe.paymentIntents.create(params, { idempotencyKey: "k" });
  assert.equal(again.id, first.id);
  assert.equal(again.lastResponse.headers["original-request"], first.lastResponse.requestId);
});

check("a saved card is charged twice and detached", async ({ stripe, pay }) => {
  const customer = await stripe.customers.create({ email: "a@shop.example" });
  const setup = await stripe.setupIntents.create({
    customer: customer.id, payment_method: "pm_card_visa", confirm: true, return_url: back,
  });
  for (let i = 0; i < 2; i++) await pay(setup.payment_method, { customer: customer.id, off_session: true });
  const [method] = (await stripe.customers.listPaymentMethods(customer.id)).data;
  await stripe.paymentMethods.detach(method.id);
  await assert.rejects(pay(method.id, { customer: customer.id }), /may not be used again/);
  assert.equal((await stripe.customers.del(customer.id)).deleted, true);
});

check("off session a card may need its customer", async ({ stripe, pay }) => {
  const customer = await stripe.customers.create();
  const setup = await stripe.setupIntents.create({
    customer: customer.id, payment_method: "pm_card_authenticationRequired", confirm: true, return_url: back,
  });
  await control(`3ds/${setup.id}/approve`);
  await assert.rejects(pay(setup.payment_method, { customer: customer.id, off_session: true }), {
    code: "authentication_required",
  });
});

check("a dispute is won with evidence", async ({ stripe, pay }) => {
  const intent = await pay("pm_card_createDispute");
  const [dispute] = await until(async () => {
    const { data } = await stripe.disputes.list({ payment_intent: intent.id });
    return data.length && data;
  });
  await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: "winning_evidence" } });
  const won = await until(async () => {
    const now = await stripe.disputes.retrieve(dispute.id);
    return now.status === "won" && now;
  });
  assert.deepEqual(won.balance_transactions.map((one) => one.net), [-2500, 1000]);
});

check("an issuer warns early", async ({ stripe, pay }) => {
  const intent = await pay("pm_card_createIssuerFraudRecord");
  await until(async () => (await stripe.radar.earlyFraudWarnings.list({ payment_intent: intent.id })).data[0]);
});

check("movements, balance and payouts", async ({ key, stripe, pay }) => {
  await pay("pm_card_bypassPending", { capture_method: "automatic" });
  const [moved] = (await stripe.balanceTransactions.list()).data;
  assert.deepEqual([moved.amount, moved.fee, moved.net], [1000, 59, 941]);
  const payout = await control("payouts", { api_key: key });
  assert.equal((await stripe.balanceTransactions.list({ payout: payout.id })).data[0].id, moved.id);
  assert.equal((await stripe.balance.retrieve()).available[0].amount, 0);
});

check("refunds and charges are annotated", async ({ stripe, pay }) => {
  const intent = await pay("pm_card_visa");
  const refund = await stripe.refunds.create({ payment_intent: intent.id });
  assert.equal((await stripe.refunds.update(refund.id, { metadata: { a: "b" } })).metadata.a, "b");
  await assert.rejects(stripe.refunds.cancel(refund.id), /requires_action/);
  assert.equal((await stripe.charges.update(intent.latest_charge, { metadata: { a: "b" } })).metadata.a, "b");
});

check("webhooks are signed and endpoints change", async ({ stripe, pay }) => {
  const came = [];
  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => came.push([Buffer.concat(parts), request.headers["stripe-signature"]]) && response.end());
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${server.address().port}/hook`;
  const endpoint = await stripe.webhookEndpoints.create({ url, enabled_events: ["payment_intent.succeeded"] });
  const intent = await pay("pm_card_visa");
  await until(() => came.length);
  const event = stripe.webhooks.constructEvent(...came[0], endpoint.secret);
  assert.equal(event.data.object.id, intent.id);
  assert.equal((await stripe.webhookEndpoints.update(endpoint.id, { disabled: true })).status, "disabled");
  await assert.rejects(stripe.webhookEndpoints.create({ url, enabled_events: ["unicorn.seen"] }), /must be one of/);
  server.close();
});
