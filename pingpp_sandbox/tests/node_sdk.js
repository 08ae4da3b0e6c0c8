// One process, several calls of Ping++'s Node SDK: what to call is on stdin, answers on stdout.
"use strict";

const { account, calls } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const pingpp = require("pingpp")(account.key);

pingpp.setHost(account.host, account.port, "http");
pingpp.setPrivateKey(account.privateKey);

async function answer([method, ...args]) {
  try {
    return await pingpp.charges[method](...args);
  } catch (error) {
    return { error: error.raw || String(error) };
  }
}

(async () => {
  const answers = [];
  for (const call of calls) answers.push(await answer(call));
  console.log(JSON.stringify(answers));
})();
