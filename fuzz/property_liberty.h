/* What must hold for any liberty file.  See property.h. */
#ifndef AXM_FUZZ_PROPERTY_LIBERTY_H
#define AXM_FUZZ_PROPERTY_LIBERTY_H

#include <math.h>

#include "fuzz/property.h"
#include "synth/liberty.h"

/* Axes ascend, everything is finite, and the table has its own values where its points are. */
static inline void property_table(const struct lib_table *t)
{
    if (!t->v)
        return;
    double most = 0;
    REQUIRE(t->n_slew >= 1 && t->n_load >= 1);
    for (int i = 0; i < t->n_slew * t->n_load; i++) {
        REQUIRE(isfinite(t->v[i]));
        most = fmax(most, fabs(t->v[i]));
    }
    for (int i = 0; i < t->n_slew && t->n_slew > 1; i++)
        REQUIRE(isfinite(t->slew_ns[i]) && (i == 0 || t->slew_ns[i] > t->slew_ns[i - 1]));
    for (int i = 0; i < t->n_load && t->n_load > 1; i++)
        REQUIRE(isfinite(t->load_pf[i]) && (i == 0 || t->load_pf[i] > t->load_pf[i - 1]));
    for (int s = 0; s < t->n_slew; s++)
        for (int l = 0; l < t->n_load; l++) {
            double slew = t->n_slew > 1 ? t->slew_ns[s] : 0, load = t->n_load > 1 ? t->load_pf[l] : 0;
            REQUIRE(fabs(lib_table_at(t, slew, load) - t->v[s * t->n_load + l]) <= 1e-9 * most);
        }
}

static inline void property_energies(const struct lib_energy *e, int n, int n_in)
{
    for (int i = 0; i < n; i++) {
        REQUIRE(e[i].related >= -1 && e[i].related < n_in);
        property_table(&e[i].rise);
        property_table(&e[i].fall);
    }
}

static inline void property_cell(const struct liberty *lib, const struct lib_cell *c)
{
    bool is_output;
    REQUIRE(c->name && isfinite(c->area_um2) && c->area_um2 >= 0);
    REQUIRE(liberty_find(lib, c->name) && !strcmp(liberty_find(lib, c->name)->name, c->name));
    REQUIRE(c->n_in <= LIB_INPUTS_MAX && c->n_out <= LIB_OUTPUTS_MAX);
    if (!c->usable)
        return;
    REQUIRE(c->n_out > 0 && !c->sequential);
    for (int i = 0; i < c->n_in; i++) {
        REQUIRE(isfinite(c->input[i].cap_pf) && c->input[i].cap_pf >= 0);
        REQUIRE(lib_cell_pin(c, c->input[i].name, &is_output) == i && !is_output);
        property_energies(c->input[i].energy, c->input[i].n_energy, c->n_in);
    }
    for (int o = 0; o < c->n_out; o++) {
        const struct lib_output *out = &c->output[o];
        REQUIRE(isfinite(out->cap_pf) && isfinite(out->max_load_pf));
        REQUIRE(lib_cell_pin(c, out->name, &is_output) == o && is_output);
        property_energies(out->energy, out->n_energy, c->n_in);
        for (int a = 0; a < out->n_arcs; a++) {
            REQUIRE(out->arc[a].input >= 0 && out->arc[a].input < c->n_in);
            property_table(&out->arc[a].rise_delay);
            property_table(&out->arc[a].fall_delay);
            property_table(&out->arc[a].rise_slew);
            property_table(&out->arc[a].fall_slew);
        }
    }
    for (unsigned v = 0; v < 1u << c->n_in; v++)
        REQUIRE(isfinite(lib_cell_leakage(c, v)));
    if (c->n_out == 1) {   /* the cell or a smaller one that does the same */
        const struct lib_cell *found = liberty_by_function(lib, c->n_in, c->output[0].truth);
        REQUIRE(found && found->area_um2 <= c->area_um2);
    }
}

/* The text as it is, on the heap. */
static inline void property_liberty(const uint8_t *data, size_t len)
{
    struct liberty *lib;
    struct lib_adder adder;
    void *text = property_copy(data, len);
    property_begin(data, len);
    memset(&lib, 0xa5, sizeof lib);
    enum axm_status st = liberty_parse(text, len, "t", &lib);
    free(text);   /* nothing of it is kept */
    if (st != AXM_OK) {
        property_refused(st, &lib, sizeof lib);
        return;
    }
    REQUIRE(lib->n_cells > 0 && lib->name && !strcmp(lib->path, "t"));
    REQUIRE(isfinite(lib->voltage) && lib->voltage > 0);
    for (int i = 0; i < lib->n_cells; i++)
        property_cell(lib, &lib->cell[i]);
    if (liberty_full_adder(lib, &adder))
        REQUIRE(adder.cell->n_in == 3 && adder.sum + adder.carry == 1);
    if (liberty_half_adder(lib, &adder))
        REQUIRE(adder.cell->n_in == 2 && adder.sum + adder.carry == 1);
    liberty_free(lib);
    REQUIRE(property_input.messages == 0);
}

#endif
