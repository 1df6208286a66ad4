// Order of the results of the search. Sphinx gives all pages that contain a word the same score, and sorts them by
// their titles. Here guides and recipes come before the reference, and pages with lists of everything come last.
var Scorer = {
  score: ([page, , , , score, , kind]) => {
    const boosts = {
      "start/": 3, "guide/": 3, "cookbook/": 3, "start/features": 0, "tutorials/": 2, "examples/": 2, "migrating/": 1,
      "reference/faq": 2, "reference/glossary": 2, "reference/errors": kind === "text" ? -3 : 2,
      "reference/messages": -4, "reference/changelog": -4, "internals/": -1, "internals/contributing": -4,
    };
    const starts = Object.keys(boosts).filter((start) => page.startsWith(start));
    const start = starts.sort((a, b) => b.length - a.length)[0];
    return score + (boosts[start] || 0) - (kind === "object" ? 1 : 0);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
