/* tests/browser.h -- a headless Chromium, driven by WebDriver (chromedriver speaks it over HTTP).
 *
 * A folder of its own for all that it keeps; it talks to nobody but the page that is tested.  Every wait
 * is bounded; what fails, fails the test with what the page says. */
#pragma once
#include <glib.h>

typedef struct _Browser Browser;

/* Why there is none here, or NULL.  Caller frees. */
char *browser_refusal (void);
Browser *browser_new (guint width, guint height);
void browser_free (Browser *browser);
void browser_open (Browser *browser, const char *url);
/* Runs a function's body in the page; what it returns, as JSON text.  Caller frees. */
char *browser_run (Browser *browser, const char *script);
/* Until the expression is true in the page; fails after timeout_s. */
void browser_wait (Browser *browser, const char *expression, guint timeout_s);
/* A real click on the first element that the selector finds, which is waited for. */
void browser_click (Browser *browser, const char *selector);
/* Keys to the page as a person would press them: text, or one of "\xee\x80\x87" (Enter), "\xee\x80\x84" (Tab). */
void browser_keys (Browser *browser, const char *keys);
/* A picture of the page as it is seen. */
void browser_picture (Browser *browser, const char *path);
/* What the page's console has complained of; "" when of nothing.  Caller frees. */
char *browser_complaints (Browser *browser);
