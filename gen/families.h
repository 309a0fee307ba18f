/* The builders of gen/family_*.c, for the table in gen/build.c. */
#ifndef AXM_GEN_FAMILIES_H
#define AXM_GEN_FAMILIES_H

#include "gen/build.h"

mul_builder_fn build_exact, build_array, build_wallace, build_dadda, build_booth, build_quaternary;
mul_builder_fn build_carry_disregard;          /* cdm, scdm, cdmr, scdmr */
mul_builder_fn build_trunc, build_bam;
mul_builder_fn build_drum, build_mitchell, build_tosam;

/* Value of the parameter with this key; the family must have it. */
int spec_value(const struct axm_spec *s, const char *key);

#endif
