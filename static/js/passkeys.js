// @ts-check
/** Passkeys: asks the browser for a credential and sends it with the form it belongs to. */

/** @param {string} text base64url @returns {ArrayBuffer} */
function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0)).buffer;
}

/** @param {ArrayBuffer} buffer @returns {string} base64url */
function text(buffer) {
  const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte));
  return btoa(letters.join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {any[]} list @returns {any[]} the same credentials, with their ids as bytes */
const known = (list = []) => list.map((one) => ({ ...one, id: bytes(one.id) }));

/** @param {any} credential @param {Object<string, ArrayBuffer | null>} parts @returns {string} */
function pack(credential, parts) {
  const filled = Object.entries(parts).filter((part) => part[1] !== null);
  const response = filled.map(([name, value]) => [name, text(/** @type {ArrayBuffer} */ (value))]);
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response: Object.fromEntries(response),
    clientExtensionResults: credential.getClientExtensionResults(),
    authenticatorAttachment: credential.authenticatorAttachment,
  });
}

/** @param {any} options @returns {Promise<string>} */
async function use(options) {
  const asked = options.request_options.publicKey;
  const credential = /** @type {any} */ (
    await navigator.credentials.get({
      publicKey: {
        ...asked,
        challenge: bytes(asked.challenge),
        allowCredentials: known(asked.allowCredentials),
      },
    })
  );
  const { clientDataJSON, authenticatorData, signature, userHandle } = credential.response;
  return pack(credential, { clientDataJSON, authenticatorData, signature, userHandle });
}

/** @param {any} options @param {boolean} alone whether it logs in without the password */
async function make(options, alone) {
  const asked = options.creation_options.publicKey;
  const selection = { ...asked.authenticatorSelection };
  selection.residentKey = alone ? "required" : "discouraged";
  selection.requireResidentKey = alone;
  if (alone) selection.userVerification = "required";
  const credential = /** @type {any} */ (
    await navigator.credentials.create({
      publicKey: {
        ...asked,
        authenticatorSelection: selection,
        challenge: bytes(asked.challenge),
        user: { ...asked.user, id: bytes(asked.user.id) },
        excludeCredentials: known(asked.excludeCredentials),
      },
    })
  );
  const { clientDataJSON, attestationObject } = credential.response;
  return pack(credential, { clientDataJSON, attestationObject });
}

/** What the page brought along. @returns {any} */
const given = () => JSON.parse(document.getElementById("passkey-data")?.textContent ?? "{}");

/** @param {HTMLFormElement} form @returns {Promise<string>} */
async function ask(form) {
  switch (form.dataset.passkey) {
    case "add":
      return make(given(), Boolean(form.querySelector(":checked")));
    case "use":
      return use(given());
    default: {
      const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new DOMException("no challenge", "NetworkError");
      return use(await answer.json());
    }
  }
}

/** What went wrong, and what to do. @param {unknown} error @returns {string} */
function explain(error) {
  switch (error instanceof Error ? error.name : "") {
    case "NotAllowedError":
      return "It was cancelled, took too long, or no passkey fits. Try again, or choose another way.";
    case "InvalidStateError":
      return "This device has a passkey of yours already.";
    case "SecurityError":
      return "Passkeys need the address that this service is meant to be used at, over https.";
    case "NetworkError":
      return "The server did not answer. Wait a minute, then try again.";
    default:
      return "This browser could not use a passkey. Try again, or choose another way.";
  }
}

/** @param {HTMLFormElement} form */
function bind(form) {
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button[type=button]"));
  const problem = /** @type {HTMLElement} */ (form.querySelector("[data-passkey-problem]"));
  const field = /** @type {HTMLInputElement} */ (form.querySelector("[name=credential]"));
  button.addEventListener("click", async () => {
    problem.hidden = button.disabled = true;
    try {
      field.value = await ask(form);
      form.submit();
    } catch (error) {
      problem.textContent = explain(error);
      problem.hidden = button.disabled = false;
    }
  });
  form.hidden = false;
}

if (window.PublicKeyCredential) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    bind(/** @type {HTMLFormElement} */ (form));
  }
}
