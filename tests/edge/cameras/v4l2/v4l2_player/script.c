/* The script of a played camera, a line per fact:
 *
 *   driver NAME | card NAME | bus NAME
 *   mode FOURCC WIDTH HEIGHT PICTURES FPS...   PICTURES: a file of (uint32 length, bytes)..., shown in turn
 *   padding BYTES                              after every row of the last mode's pictures, which have it already
 *   turn N                                     only its first N pictures are shown in turn, the others by a fault
 *   control ID TYPE MIN MAX STEP DEFAULT NAME  TYPE: V4L2_CTRL_TYPE_* as a number
 *   menu INDEX TEXT | needs ID VALUE | refuse ERRNO    of the last control
 *   pace free                                  a frame whenever the program polls; otherwise in real time
 *   clock unknown | copy                       time stamps that are not the monotonic clock's
 *   seed N
 *   busy                                       another program streams: EBUSY
 *   strict                                     a format that it does not have: EINVAL, not another format
 *   forbidden                                  open: EACCES
 *   at N[-M] FAULT [VALUE] | every N FAULT [VALUE] | random CHANCE FAULT [VALUE]
 *
 * Frames are counted by device and process from 0, through all streams. FAULT: see player.h, lower case.
 */
#define _GNU_SOURCE
#include "player.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const FAULTS[] = {"flagged", "short", "empty", "cut", "picture", "eio", "eagain", "eintr",
                                     "stall", "unplug", "delay", "lose", "rate", NULL};

uint32_t fourcc_of(const char *text)
{
    return v4l2_fourcc(text[0], text[1], text[2], text[3]);
}

static bool read_mode(Script *script, const char *line)
{
    Mode *mode = &script->mode[script->modes];
    char fourcc[8];
    int at = 0;
    if (script->modes == MOST_MODES ||
        sscanf(line, "mode %7s %d %d %4095s%n", fourcc, &mode->width, &mode->height, mode->pictures, &at) != 4)
        return false;
    mode->fourcc = fourcc_of(fourcc);
    for (int step; mode->rates < MOST_RATES && sscanf(line + at, "%lf%n", &mode->fps[mode->rates], &step) == 1; at += step)
        mode->rates++;
    script->modes += mode->rates > 0;
    return mode->rates > 0;
}

static bool read_control(Script *script, const char *line)
{
    Control *control = &script->control[script->controls];
    struct v4l2_query_ext_ctrl *info = &control->info;
    long long minimum, maximum, step, value;
    if (script->controls == MOST_CONTROLS || sscanf(line, "control %i %u %lli %lli %lli %lli %31[^\n]", (int *)&info->id,
                                                    &info->type, &minimum, &maximum, &step, &value, info->name) != 7)
        return false;
    info->minimum = minimum, info->maximum = maximum, info->step = (uint64_t)step;
    info->default_value = control->value = value;
    info->elem_size = 4, info->elems = 1;
    script->controls++;
    return true;
}

static bool read_menu(Script *script, const char *line)
{
    if (script->menus == MOST_MENU || !script->controls)
        return false;
    struct v4l2_querymenu *entry = &script->menu[script->menus++];
    entry->id = script->control[script->controls - 1].info.id;
    return sscanf(line, "menu %u %31[^\n]", &entry->index, (char *)entry->name) == 2;
}

static bool read_needs(Script *script, const char *line)
{
    Control *control = script->controls ? &script->control[script->controls - 1] : NULL;
    long long needed;
    if (!control || sscanf(line, "needs %i %lli", (int *)&control->needs, &needed) != 2)
        return false;
    control->needed = needed;
    return true;
}

static bool read_rule(Script *script, const char *line)
{
    Rule rule = {.value = -1};
    char name[16];
    int at = 0;
    if (sscanf(line, "at %ld-%ld %n", &rule.first, &rule.last, &at) == 2 && at)
        ;
    else if (sscanf(line, "at %ld %n", &rule.first, &at) == 1)
        rule.last = rule.first;
    else if (sscanf(line, "every %ld %n", &rule.every, &at) == 1 || sscanf(line, "random %lf %n", &rule.chance, &at) == 1)
        rule.last = LONG_MAX;
    if (!at || script->rules == MOST_RULES || sscanf(line + at, "%15s %lf", name, &rule.value) < 1)
        return false;
    for (int fault = 0; FAULTS[fault]; fault++)
        if (!strcmp(name, FAULTS[fault])) {
            rule.fault = (Fault)fault;
            script->rule[script->rules++] = rule;
            return true;
        }
    return false;
}

static bool is(const char *line, const char *word)
{
    const size_t length = strlen(word);
    return !strncmp(line, word, length) && strchr(" \n", line[length]);
}

static bool read_line(Script *script, const char *line)
{
    Control *control = script->controls ? &script->control[script->controls - 1] : NULL;
    Mode *mode = script->modes ? &script->mode[script->modes - 1] : NULL;
    if (is(line, "mode"))
        return read_mode(script, line);
    if (is(line, "control"))
        return read_control(script, line);
    if (is(line, "menu"))
        return read_menu(script, line);
    if (is(line, "needs"))
        return read_needs(script, line);
    if (is(line, "at") || is(line, "every") || is(line, "random"))
        return read_rule(script, line);
    if (is(line, "refuse"))
        return control && sscanf(line, "refuse %d", &control->refusal) == 1;
    if (is(line, "padding"))
        return mode && sscanf(line, "padding %d", &mode->padding) == 1;
    if (is(line, "turn"))
        return mode && sscanf(line, "turn %d", &mode->turn) == 1;
    if (is(line, "pace free"))
        return script->free_pace = true;
    if (is(line, "busy"))
        return script->busy = true;
    if (is(line, "strict"))
        return script->strict = true;
    if (is(line, "forbidden"))
        return (script->open_error = EACCES);
    if (is(line, "clock unknown") || is(line, "clock copy")) {
        script->clock = is(line, "clock copy") ? V4L2_BUF_FLAG_TIMESTAMP_COPY : V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN;
        return true;
    }
    return sscanf(line, "driver %15[^\n]", script->driver) == 1 || sscanf(line, "card %31[^\n]", script->card) == 1 ||
           sscanf(line, "bus %31[^\n]", script->bus) == 1 || sscanf(line, "seed %u", &script->seed) == 1;
}

bool script_read(Script *script, int descriptor)
{
    *script = (Script){.clock = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, .driver = "player", .card = "played", .bus = "usb-played"};
    FILE *file = fdopen(descriptor, "r");
    char line[PATH_MAX + 256];
    bool understood = true;
    while (understood && fgets(line, sizeof line, file)) {
        understood = line[0] == '#' || line[0] == '\n' || read_line(script, line);
        if (!understood)
            fprintf(stderr, "v4l2_player: cannot be understood: %s", line);
    }
    fclose(file);
    return understood && script->modes;
}

/* The same for the same seed, rule and frame, whatever was asked before (splitmix64). */
static double chance_of(unsigned seed, const void *rule, const void *rules, long frame)
{
    uint64_t x = seed + 0x9E3779B97F4A7C15u * (uint64_t)(frame + 1) + 0xD1B54A32D192ED03u * (uint64_t)((const Rule *)rule - (const Rule *)rules);
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return (double)((x ^ x >> 31) >> 11) / 9007199254740992.0;
}

bool rule_holds(const Script *script, const Rule *rule, long frame)
{
    if (rule->every)
        return frame % rule->every == rule->every - 1;
    if (rule->chance > 0)
        return chance_of(script->seed, rule, script->rule, frame) < rule->chance;
    return frame >= rule->first && frame <= rule->last;
}
