/* What report.c and report_files.c share.  Internal. */
#ifndef AXM_EXPLORE_REPORT_DATA_H
#define AXM_EXPLORE_REPORT_DATA_H

#include "explore/json.h"
#include "explore/report.h"

/* Sections of the page's data that come from files: keys "accuracy", "planes", "searches", "history". */
enum axm_status report_files(const struct report_opts *o, struct json *j) AXM_MUST_CHECK;

#endif
