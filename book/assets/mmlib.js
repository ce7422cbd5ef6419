/* On paper: light colours, also for a reader in dark mode; every fold open; every picture there.
   Both events are listened to, because not every browser sends both. */
(function () {
  const page = document.documentElement;
  let theme = null;
  let folds = [];

  function begin() {
    if (theme !== null) return;
    theme = page.dataset.theme || "";
    page.dataset.theme = "light";
    folds = [...document.querySelectorAll(".bd-article details:not([open])")];
    folds.forEach((fold) => { fold.open = true; });
    document.querySelectorAll("img[loading=lazy]").forEach((image) => { image.loading = "eager"; });
  }

  function end() {
    if (theme === null) return;
    page.dataset.theme = theme;
    folds.forEach((fold) => { fold.open = false; });
    theme = null;
  }

  window.addEventListener("beforeprint", begin);
  window.addEventListener("afterprint", end);
  window.matchMedia("print").addEventListener("change", (print) => (print.matches ? begin() : end()));
})();
