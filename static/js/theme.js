// Sets the theme before the first paint; loaded as a blocking script in the head.
// What the person chose is kept; without a choice the system's preference rules.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("parley-theme");
    } catch {
      return null; // Storage is switched off: follow the system.
    }
  };
  const show = () => {
    const choice = chosen();
    root.dataset.bsTheme = choice ?? (dark.matches ? "dark" : "light");
    root.dataset.themeChoice = choice ?? "system";
  };
  const next = { system: "light", light: "dark", dark: "system" };
  const words = (choice) => {
    const gettext = window.django?.gettext ?? ((text) => text);
    if (choice === "light") return gettext("Theme: light. Change it");
    if (choice === "dark") return gettext("Theme: dark. Change it");
    return gettext("Theme: like the system. Change it");
  };

  show();
  dark.addEventListener("change", show);

  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      const label = () =>
        button.setAttribute("aria-label", words(root.dataset.themeChoice));
      label();
      button.addEventListener("click", () => {
        const choice = next[root.dataset.themeChoice];
        try {
          if (choice === "system") localStorage.removeItem("parley-theme");
          else localStorage.setItem("parley-theme", choice);
          show();
        } catch {
          root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
        }
        label();
      });
    }
  });
})();
