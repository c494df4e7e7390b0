// A study: its list of downloads closes as menus do, and a mount that is wider than the window begins at its middle.
(() => {
  "use strict";
  const close = (menu) => {
    menu.open = false;
  };
  const opened = () => document.querySelectorAll("details.menu[open]");
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of opened()) {
      const isInside = menu.contains(document.activeElement);
      close(menu);
      if (isInside) menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("click", (event) => {
    for (const menu of opened()) if (!menu.contains(event.target)) close(menu);
  });

  const mount = document.querySelector(".mount-scroll");
  if (!mount) return;
  mount.scrollLeft = (mount.scrollWidth - mount.clientWidth) / 2;
})();
