// Works @google/genai from outside. Each line of standard input is one order, {"name": argument}.
// Standard output says in lines of the same kind what the SDK reports (message, error, closed),
// and last, for each order, {"done": value} or {"failed": {message, status}}.
import { createInterface } from 'node:readline';
import { GoogleGenAI } from '@google/genai';

let session;

const orders = {
  async connect({ options, model, config }) {
    const callbacks = {
      // `data` is the SDK's own: all the sound of a message.
      onmessage: (message) => say('message', { ...message, data: message.data }),
      onerror: (event) => say('error', event.message),
      onclose: ({ code, reason }) => say('closed', { code, reason }),
    };
    session = await new GoogleGenAI(options).live.connect({ model, config, callbacks });
    return session.setupComplete;
  },

  // A method of the session: sendClientContent, sendRealtimeInput, sendToolResponse or close.
  call({ method, parameters }) {
    session[method](parameters);
  },

  async createToken({ options, config }) {
    const token = await new GoogleGenAI(options).authTokens.create({ config });
    return token.name;
  },
};

function say(what, value) {
  process.stdout.write(`${JSON.stringify({ [what]: value ?? null })}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const [[name, argument]] = Object.entries(JSON.parse(line));
  try {
    say('done', await orders[name](argument));
  } catch (error) {
    say('failed', { message: error.message, status: error.status });
  }
}
process.exit(0);
