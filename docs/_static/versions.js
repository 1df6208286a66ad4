/* Versions: the addresses in switcher.json are relative to the root of this version, so that a site needs no address of its
   own. The theme writes them into its menu as they are. A site that is read from a folder has one version, and no menu. */
(() => {
  const root = new URL(document.documentElement.dataset.content_root, location.href);
  if (location.protocol === "file:") {
    delete DOCUMENTATION_OPTIONS.theme_switcher_json_url;
    document.documentElement.classList.add("one-version");
    return;
  }
  const complete = () => {
    for (const link of document.querySelectorAll(".version-switcher__menu a[href^='../']")) {
      link.href = new URL(link.getAttribute("href"), root).href;
    }
  };
  new MutationObserver(complete).observe(document.documentElement, {childList: true, subtree: true});
})();
