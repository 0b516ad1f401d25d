"use strict";
// What scrolls sideways fades out on the side where there is more of it.
for (const box of document.querySelectorAll(".scroll, .contents ul")) {
  const mark = () => {
    const beyond = box.scrollWidth - box.clientWidth - box.scrollLeft;
    box.classList.toggle("more-before", box.scrollLeft > 1);
    box.classList.toggle("more-after", beyond > 1);
  };
  box.addEventListener("scroll", mark, { passive: true });
  new ResizeObserver(mark).observe(box);
}
