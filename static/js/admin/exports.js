// @ts-check
/** While an export is being made, the list of exports is kept up to date. */

const EVERY_MS = 3000;
const ROWS = "#result_list";

const isOpen = () => document.querySelector(`${ROWS} [data-open]`) !== null;
/** Rows that somebody has chosen stay as they are. */
const isChosen = () => document.querySelector(`${ROWS} input:checked`) !== null;

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector(ROWS);
  if (fresh && !isChosen()) document.querySelector(ROWS)?.replaceWith(document.adoptNode(fresh));
}

async function follow() {
  try {
    await refresh();
  } catch (error) {
    // The network is away, or the page is: the next look may find it again.
    console.debug("the list of exports was not read", error);
  }
  if (isOpen()) setTimeout(follow, EVERY_MS);
}

if (isOpen()) setTimeout(follow, EVERY_MS);
