// @ts-check
/** While an archive is being made, the list of archives is kept up to date. */

const EVERY_MS = 2000;

/** @param {Document} page @returns {HTMLElement | null} */
const listOf = (page) => page.querySelector("#archives");

/** Read the page again and show its list in place of this one's. */
async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = listOf(page);
  if (fresh) listOf(document)?.replaceWith(document.adoptNode(fresh));
}

async function follow() {
  try {
    await refresh();
  } catch (error) {
    // The network is away, or the page is: the next look may find it again.
    console.debug("the list of archives was not read", error);
  }
  if (listOf(document)?.dataset.making) {
    setTimeout(follow, EVERY_MS);
    return;
  }
  const news = document.querySelector("#archive-news");
  if (news) news.textContent = "The archive is made.";
}

if (listOf(document)?.dataset.making) setTimeout(follow, EVERY_MS);
