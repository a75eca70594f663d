/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PAGE_TEXT_H
#define TOMBOLO_PAGE_TEXT_H
/* page.html, page.css and the three page*.js, made into page_text.c by page_text.sh. */

extern const char page_text_html[];
extern const char page_text_css[];
extern const char page_text_js[];

#endif
