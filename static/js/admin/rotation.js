// A rotation's page shows how far it is, while it goes on. Without this script: load it again.

const PAUSE_MS = 3000;

const shown = document.getElementById("rotation");

if (shown?.dataset.goesOn === "yes") {
  window.setTimeout(look, PAUSE_MS);
}

async function look() {
  const goesOn = document.hidden ? true : await lookOnce();
  if (goesOn) {
    window.setTimeout(look, PAUSE_MS);
  }
}

// Whether it is worth to look again.
async function lookOnce() {
  let fresh;
  try {
    const reply = await fetch(window.location.href);
    if (!reply.ok) {
      return false;
    }
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    fresh = page.getElementById("rotation");
  } catch {
    return true; // the network comes back
  }
  if (!fresh) {
    return false; // such as the log-in
  }
  // A button keeps the focus of who is about to press it: only what differs is replaced.
  replaceWhatDiffers(fresh);
  return fresh.dataset.goesOn === "yes";
}

function replaceWhatDiffers(fresh) {
  const sections = [...shown.children];
  for (const [number, section] of [...fresh.children].entries()) {
    if (text(section) !== text(sections[number])) {
      sections[number].replaceWith(section);
    }
  }
}

// Tokens of forms differ with each answer.
function text(section) {
  const copy = section.cloneNode(true);
  for (const token of copy.querySelectorAll("input[name=csrfmiddlewaretoken]")) {
    token.remove();
  }
  return copy.innerHTML;
}
