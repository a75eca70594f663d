/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_XML_H
#define TOMBOLO_XML_H
/*
 * As much of XML 1.0 as EC2 answers in: elements and text. By hand and not by libxml2:
 * what is read is four shapes of reply, out of which leaves are wanted; entities that
 * expand, DTDs and namespaces are refused or passed over rather than switched off, and
 * the peer, which will ask too, gets no library the size of itself. Pure; allocates
 * nothing; fuzzed.
 */
#include <stdbool.h>
#include <stddef.h>

#define XML_DEPTH_MAX  16
#define XML_PATH_BYTES 512
#define XML_TEXT_BYTES 4096 /* of one leaf, with the NUL; longer is refused */

/*
 * An element has ended. path: the names from below the root to it, as in
 * "multicastGroups/item/groupIpAddress". text: what a leaf holds, NULL when it has
 * elements in it. False ends the walk.
 */
typedef bool xml_visit(void *arg, const char *path, const char *text);

/* False: not well-formed, or not of the subset, or the visitor ended it. */
bool xml_walk(const char *text, size_t len, xml_visit *visit, void *arg);

#endif
