// Looks at the document it is evaluated in and returns what is wrong with how it looks: a list of sentences.
// "Visible" is what a reader sees; "background" is every layer behind a text, down to the canvas of the theme.
(contrastMin) => {
  const root = document.documentElement;
  const faults = [];

  // Any CSS colour as [red, green, blue, alpha]: the browser itself translates it, `Canvas` of a dark page included.
  const probe = document.createElement("i");
  document.body.append(probe);
  const channels = (colour) => {
    probe.style.color = "";
    probe.style.color = colour;
    const numbers = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
    return [...numbers.slice(0, 3), numbers[3] ?? 1];
  };
  const over = (top, below) => {
    const alpha = top[3];
    return [0, 1, 2].map((i) => top[i] * alpha + below[i] * (1 - alpha)).concat(1);
  };
  // WCAG 2.2: relative luminance and contrast ratio.
  const luminance = (colour) => {
    const [red, green, blue] = colour.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };

  const lineage = (element) => {
    const found = [];
    for (let at = element; at; at = at.parentElement) found.push(at);
    return found.reverse();
  };
  const isVisible = (element, rectangles) =>
    rectangles.some((one) => one.width > 1 && one.height > 1) &&
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    !lineage(element).some((one) => {
      const style = getComputedStyle(one);
      return style.overflow !== "visible" && (one.offsetHeight <= 1 || one.offsetWidth <= 1);
    });

  const canvas = channels("Canvas");
  const judge = (element, words) => {
    let background = canvas;
    let opacity = 1;
    for (const one of lineage(element)) {
      const style = getComputedStyle(one);
      if (style.backgroundImage !== "none") faults.push(`a picture behind «${words}»: its contrast cannot be told`);
      background = over(channels(style.backgroundColor), background);
      opacity *= Number(style.opacity);
    }
    const ink = channels(getComputedStyle(element).color);
    const ratio = contrast(over([...ink.slice(0, 3), ink[3] * opacity], background), background);
    if (ratio < contrastMin) faults.push(`contrast ${ratio.toFixed(2)} of «${words}»`);
  };

  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const words = texts.currentNode.data.trim().slice(0, 40);
    const element = texts.currentNode.parentElement;
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    const rectangles = [...range.getClientRects()];
    if (!words || element.closest("script, style, template") || !isVisible(element, rectangles)) continue;
    judge(element, words);
    if (rectangles.some((one) => one.right > root.clientWidth + 1 || one.left < -1)) faults.push(`cut off: «${words}»`);
  }
  probe.remove();
  if (root.scrollWidth > root.clientWidth) {
    faults.push(`scrolls sideways: ${root.scrollWidth} px wide in ${root.clientWidth}`);
  }
  return faults;
};
