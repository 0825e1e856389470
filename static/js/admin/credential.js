// A credential's form: a key file may be dropped, it is explained at once, and tried on request.
// The server says it all; without this script the form works the same when it is saved.

const MOST_BYTES = 64 * 1024;
const PAUSE_MS = 400;

const addresses = document.getElementById("credential-help");
const secret = document.querySelector("textarea[data-secret]");
const answer = document.getElementById("credential-answer");
const tools = document.getElementById("credential-tools");

if (addresses && secret && answer && tools) {
  setUp(secret.form);
}

function setUp(form) {
  const tryButton = document.getElementById("credential-try");
  const chooser = document.getElementById("credential-file");
  let pause = 0;
  // Below the field and its help text.
  (secret.closest(".grow.relative") ?? secret.parentElement).append(tools, answer);
  tools.hidden = false;

  secret.addEventListener("input", () => {
    window.clearTimeout(pause);
    pause = window.setTimeout(() => explain(form), PAUSE_MS);
  });
  secret.addEventListener("dragover", (event) => {
    event.preventDefault();
    secret.classList.add("p-over");
  });
  secret.addEventListener("dragleave", () => secret.classList.remove("p-over"));
  secret.addEventListener("drop", (event) => {
    secret.classList.remove("p-over");
    const file = event.dataTransfer?.files[0];
    if (file) {
      event.preventDefault();
      take(file, form);
    }
  });
  chooser.addEventListener("change", () => {
    if (chooser.files[0]) {
      take(chooser.files[0], form);
    }
    chooser.value = "";
  });
  tryButton.addEventListener("click", () => attempt(form, tryButton));
}

async function take(file, form) {
  if (file.size > MOST_BYTES) {
    say("This file is too big for a key. Download the JSON key again from IAM.");
    return;
  }
  secret.value = await file.text();
  await explain(form);
}

async function explain(form) {
  if (secret.value.trim() === "") {
    answer.replaceChildren();
    return;
  }
  await show(addresses.dataset.explain, form);
}

async function attempt(form, button) {
  button.disabled = true;
  say("Opening a session. This takes a few seconds.");
  await show(addresses.dataset.try, form);
  button.disabled = false;
}

async function show(address, form) {
  try {
    const reply = await fetch(address, { method: "POST", body: new FormData(form) });
    if (!reply.ok) {
      say("The server refused that. Load the page again, then try once more.");
      return;
    }
    // Our own server's page, in which everything entered is escaped.
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    answer.replaceChildren(...page.body.children);
  } catch {
    say("The server was not reached. Check the connection and try again.");
  }
}

function say(text) {
  const line = document.createElement("p");
  line.className = "p-card";
  line.textContent = text;
  answer.replaceChildren(line);
}
