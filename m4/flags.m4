dnl SPDX-License-Identifier: Apache-2.0
dnl
dnl What the compiler takes is tried, not guessed. A flag is taken when a program
dnl builds with it and -Werror, which turns clang's warnings about unknown options
dnl into answers; the header is there for _FORTIFY_SOURCE, whose complaint about a
dnl build without optimisation comes from features.h.

dnl TOMBOLO_TRY(CFLAGS or LDFLAGS, shell word, [if taken], [if not])
AC_DEFUN([TOMBOLO_TRY], [
AC_MSG_CHECKING([whether $CC takes $2])
tombolo_cflags=$CFLAGS tombolo_ldflags=$LDFLAGS
CFLAGS="$CFLAGS $TOMBOLO_CFLAGS -Werror" LDFLAGS="$LDFLAGS $TOMBOLO_LDFLAGS"
$1="$$1 $2"
AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <stdio.h>]], [[puts("");]])],
	[tombolo_taken=yes], [tombolo_taken=no])
CFLAGS=$tombolo_cflags LDFLAGS=$tombolo_ldflags
AC_MSG_RESULT([$tombolo_taken])
AS_IF([test $tombolo_taken = yes], [TOMBOLO_$1="$TOMBOLO_$1 $2"
$3], [$4])
])

dnl TOMBOLO_ADD(CFLAGS or LDFLAGS, flags): those that are taken.
AC_DEFUN([TOMBOLO_ADD], [
for tombolo_flag in m4_normalize([$2]); do
	TOMBOLO_TRY([$1], [$tombolo_flag])
done
])

dnl TOMBOLO_NEED(flag): for compiler and linker both, or the build ends here.
AC_DEFUN([TOMBOLO_NEED], [
TOMBOLO_TRY([CFLAGS], [$1], [TOMBOLO_LDFLAGS="$TOMBOLO_LDFLAGS $1"],
	[AC_MSG_ERROR([$CC does not take $1])])
])
