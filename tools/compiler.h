/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUNT_COMPILER_H
#define SHUNT_COMPILER_H

#define __aligned(n)		__attribute__((aligned(n)))
#define __noreturn		__attribute__((noreturn))
#define __printf(form, first)	__attribute__((format(printf, form, first)))

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))

#endif
