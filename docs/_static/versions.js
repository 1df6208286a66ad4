/* The addresses in switcher.json are relative to the root of a version, so that the site needs no address. The theme writes
   them into its menu as they are; here they become complete. A site that is read from a folder has one version and no menu,
   and its search shows no excerpts, because a browser does not let a page read other files. */
(() => {
  const root = new URL(document.documentElement.dataset.content_root, location.href);
  if (location.protocol === "file:") {
    delete DOCUMENTATION_OPTIONS.theme_switcher_json_url;
    DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
    document.documentElement.classList.add("one-version");
    return;
  }
  const complete = () => {
    for (const link of document.querySelectorAll(".version-switcher__menu a[href^='../']")) {
      const [, version, page] = link.getAttribute("href").match(/^(\.\.\/[^/]+\/)(.*)$/);
      link.href = new URL(version + page, root).href;
    }
  };
  new MutationObserver(complete).observe(document.documentElement, {childList: true, subtree: true});
})();
