/* Plays the ioctls of a V4L2 capture device as a script says. One thread at a time (libc.c locks). */
#define _GNU_SOURCE
#include "player.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MOST_DEVICES = 8, MOST_HANDLES = 64, MOST_PICTURES = 1024, POISON = 0xEE };

static const double LOOK_EVERY_S = 0.002;

typedef struct {
    char path[PATH_MAX];
    int number, opens_to_fail;
    long frames; /* so far, through all streams: what the script counts */
    bool missing;
    double looked_s;
    ino_t inode;
    struct timespec changed;
    Script script;
} Device;

typedef struct {
    uint8_t *bytes;
    int count;
    size_t length[MOST_PICTURES], start[MOST_PICTURES];
} Pictures;

typedef enum { WITH_PROGRAM, QUEUED, DONE } Owner;

typedef struct {
    bool open, gone, blocking, streaming, stalled;
    int descriptor; /* a memfd that holds the buffers, so that mmap of it is what it should be */
    Device *device;
    const Mode *mode;
    double interval_s, next_s, resume_s;
    Pictures pictures;
    size_t size, spacing; /* of a picture; of a buffer in the memfd */
    uint8_t *memory;
    size_t mapped;
    int buffers;
    Owner owner[MOST_BUFFERS];
    int line[MOST_BUFFERS], waiting; /* the queued ones, oldest first */
    struct v4l2_buffer done[MOST_BUFFERS];
    int finished;
    uint32_t sequence;
    int error, errors; /* that DQBUF returns, and how often */
} Handle;

static Device devices[MOST_DEVICES];
static Handle handles[MOST_HANDLES];

double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

static void note(const char *what, unsigned id, long long value)
{
    const char *path = getenv("V4L2_PLAYER_LOG");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (!file)
        return;
    fprintf(file, "%s %#x %lld\n", what, id, value);
    fclose(file);
}

/* ---- The script and its file ---- */

static void keep_values(Script *now, const Script *before)
{
    for (int i = 0; i < now->controls; i++)
        for (int k = 0; k < before->controls; k++)
            if (now->control[i].info.id == before->control[k].info.id)
                now->control[i].value = before->control[k].value;
}

/* The file may have been rewritten or removed; but not every call of a fast camera has to look. */
static void look_at_script(Device *device)
{
    struct stat status;
    if (now_s() - device->looked_s < LOOK_EVERY_S)
        return;
    device->looked_s = now_s();
    const int file = (int)syscall(SYS_openat, AT_FDCWD, device->path, O_RDONLY | O_CLOEXEC);
    device->missing = file < 0 || fstat(file, &status) < 0;
    if (device->missing) {
        device->inode = 0;
        return;
    }
    const bool same = status.st_ino == device->inode && !memcmp(&status.st_mtim, &device->changed, sizeof device->changed);
    if (same) {
        close(file);
        return;
    }
    static Script before;
    before = device->script;
    device->inode = status.st_ino, device->changed = status.st_mtim;
    if (!script_read(&device->script, file))
        device->missing = true;
    keep_values(&device->script, &before);
}

static Device *device_of(const char *path, int number)
{
    for (int i = 0; i < MOST_DEVICES; i++)
        if (!devices[i].path[0] || devices[i].number == number) {
            devices[i].number = number;
            snprintf(devices[i].path, sizeof devices[i].path, "%s", path);
            return &devices[i];
        }
    return NULL;
}

static Handle *handle_of(int descriptor)
{
    for (int i = 0; i < MOST_HANDLES; i++)
        if (handles[i].open && handles[i].descriptor == descriptor)
            return &handles[i];
    return NULL;
}

bool player_owns(int descriptor)
{
    return handle_of(descriptor) != NULL;
}

static void unplug(Device *device, int opens_to_fail)
{
    device->opens_to_fail = opens_to_fail;
    for (int i = 0; i < MOST_HANDLES; i++)
        if (handles[i].open && handles[i].device == device)
            handles[i].gone = true;
}

static bool is_gone(Handle *handle)
{
    look_at_script(handle->device);
    if (handle->device->missing)
        unplug(handle->device, 0);
    return handle->gone;
}

/* ---- Pictures ---- */

static void forget(Pictures *pictures)
{
    free(pictures->bytes);
    *pictures = (Pictures){0};
}

static void load(Pictures *pictures, const char *path)
{
    forget(pictures);
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (!file || fstat(fileno(file), &status) < 0 || !(pictures->bytes = malloc((size_t)status.st_size + 1)) ||
        fread(pictures->bytes, 1, (size_t)status.st_size, file) != (size_t)status.st_size) {
        fprintf(stderr, "v4l2_player: %s: cannot be read\n", path);
        abort();
    }
    fclose(file);
    uint32_t length;
    for (size_t at = 0; at < (size_t)status.st_size && pictures->count < MOST_PICTURES; at += length) {
        memcpy(&length, pictures->bytes + at, sizeof length);
        at += sizeof length;
        pictures->start[pictures->count] = at;
        pictures->length[pictures->count++] = length;
    }
}

static size_t bytes_per_pixel(uint32_t fourcc)
{
    return fourcc == V4L2_PIX_FMT_YUYV || fourcc == V4L2_PIX_FMT_UYVY ? 2 : 1;
}

static struct v4l2_pix_format layout(const Mode *mode)
{
    const bool jpeg = mode->fourcc == V4L2_PIX_FMT_MJPEG;
    const uint32_t row = jpeg ? 0 : (uint32_t)(bytes_per_pixel(mode->fourcc) * (size_t)mode->width) + (uint32_t)mode->padding;
    const uint32_t rows = (uint32_t)(mode->fourcc == V4L2_PIX_FMT_NV12 ? mode->height * 3 / 2 : mode->height);
    return (struct v4l2_pix_format){
        .width = (uint32_t)mode->width, .height = (uint32_t)mode->height, .pixelformat = mode->fourcc,
        .field = V4L2_FIELD_NONE, .bytesperline = row, .colorspace = V4L2_COLORSPACE_SRGB,
        .sizeimage = jpeg ? (uint32_t)(mode->width * mode->height * 2) : row * rows,
    };
}

/* ---- Frames ---- */

static void set_error(Handle *handle, int error, double times)
{
    handle->error = error;
    handle->errors = times > 0 ? (int)times : 1;
}

/* Rules that say when a frame comes, or that none comes. */
static bool prevented(Handle *handle, const Rule *rule)
{
    switch (rule->fault) {
    case STALL:
        handle->stalled = rule->value < 0;
        handle->resume_s = rule->value < 0 ? 0 : now_s() + 1e-3 * rule->value;
        return true;
    case UNPLUG:
        unplug(handle->device, rule->value > 0 ? (int)rule->value : 0);
        return true;
    case IO_ERROR:
        set_error(handle, EIO, 1);
        return true;
    case AGAIN:
        set_error(handle, EAGAIN, rule->value);
        return false;
    case INTERRUPT:
        set_error(handle, EINTR, rule->value);
        return false;
    case LOSE:
        handle->sequence += (uint32_t)(int)rule->value;
        return false;
    case RATE:
        handle->interval_s = 1 / rule->value;
        return false;
    default:
        return false;
    }
}

static void fill(Handle *handle, struct v4l2_buffer *buffer, long frame)
{
    const Script *script = &handle->device->script;
    const Pictures *pictures = &handle->pictures;
    uint8_t *target = handle->memory + buffer->index * handle->spacing;
    size_t shown = (size_t)frame % (size_t)(handle->mode->turn ? handle->mode->turn : pictures->count), used = SIZE_MAX;
    bool poisoned = false;
    for (const Rule *rule = script->rule; rule < script->rule + script->rules; rule++) {
        if (rule->fault < FLAGGED || rule->fault > PICTURE || !rule_holds(script, rule, frame))
            continue;
        const size_t value = rule->value > 0 ? (size_t)rule->value : 0;
        if (rule->fault == PICTURE)
            shown = value % (size_t)pictures->count;
        else if (rule->fault != FLAGGED)
            used = rule->fault == EMPTY ? 0 : value;
        poisoned |= rule->fault != PICTURE && rule->fault != CUT;
        buffer->flags |= rule->fault == FLAGGED ? V4L2_BUF_FLAG_ERROR : 0;
    }
    const size_t length = pictures->length[shown] < handle->size ? pictures->length[shown] : handle->size;
    if (poisoned)
        memset(target, POISON, handle->size);
    else
        memcpy(target, pictures->bytes + pictures->start[shown], length);
    buffer->bytesused = (uint32_t)(used < length ? used : length);
}

static double delay_s(const Script *script, long frame)
{
    double delay = 0;
    for (const Rule *rule = script->rule; rule < script->rule + script->rules; rule++)
        if (rule->fault == DELAY && rule_holds(script, rule, frame))
            delay += 1e-3 * rule->value;
    return delay;
}

/* The camera has taken a picture: into the oldest queued buffer, or lost where there is none. */
static void expose(Handle *handle, double time_s)
{
    Device *device = handle->device;
    const long frame = device->frames++;
    for (int i = 0; i < device->script.rules; i++)
        if (rule_holds(&device->script, &device->script.rule[i], frame) && prevented(handle, &device->script.rule[i]))
            return;
    const uint32_t sequence = handle->sequence++;
    if (!handle->waiting)
        return;
    struct v4l2_buffer *buffer = &handle->done[handle->finished++];
    *buffer = (struct v4l2_buffer){
        .index = (uint32_t)handle->line[0], .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP,
        .field = V4L2_FIELD_NONE, .sequence = sequence, .length = (uint32_t)handle->size,
        .flags = V4L2_BUF_FLAG_MAPPED | V4L2_BUF_FLAG_DONE | device->script.clock,
        .timestamp = {(time_t)time_s, (suseconds_t)(1e6 * fmod(time_s, 1))},
    };
    memmove(handle->line, handle->line + 1, sizeof(int) * (size_t)--handle->waiting);
    handle->owner[buffer->index] = DONE;
    fill(handle, buffer, frame);
}

static bool is_silent(const Handle *handle)
{
    return !handle->streaming || handle->gone || handle->stalled || now_s() < handle->resume_s;
}

/* All pictures that the camera has taken up to now. */
static void go_on(Handle *handle)
{
    if (handle->device->script.free_pace) {
        if (!is_silent(handle) && !handle->finished && handle->waiting)
            expose(handle, now_s());
        return;
    }
    while (!is_silent(handle) && now_s() >= handle->next_s + delay_s(&handle->device->script, handle->device->frames)) {
        expose(handle, handle->next_s + delay_s(&handle->device->script, handle->device->frames));
        handle->next_s += handle->interval_s;
        if (handle->next_s < handle->resume_s)
            handle->next_s = handle->resume_s;
    }
}

short player_ready(int descriptor, short events, double *next_s)
{
    Handle *handle = handle_of(descriptor);
    *next_s = 0.005; /* how often the script is looked at */
    if (is_gone(handle) || !handle->streaming)
        return POLLERR;
    go_on(handle);
    if (handle->gone || (!handle->finished && !handle->waiting && !handle->errors))
        return POLLERR;
    if (handle->finished || handle->errors)
        return events & (POLLIN | POLLRDNORM);
    const double wait_s = handle->next_s - now_s();
    if (!handle->device->script.free_pace && wait_s > 0 && wait_s < *next_s)
        *next_s = wait_s;
    return 0;
}

/* ---- Opening and closing ---- */

int player_open(const char *path, int number, int flags)
{
    Device *device = device_of(path, number);
    if (!device)
        return fail(ENXIO);
    device->looked_s = 0;
    look_at_script(device);
    if (device->missing || device->opens_to_fail) {
        device->opens_to_fail -= device->opens_to_fail > 0;
        return fail(ENOENT);
    }
    if (device->script.open_error)
        return fail(device->script.open_error);
    for (int i = 0; i < MOST_HANDLES; i++)
        if (!handles[i].open) {
            handles[i] = (Handle){.open = true, .device = device, .blocking = !(flags & O_NONBLOCK)};
            handles[i].mode = &device->script.mode[0];
            handles[i].interval_s = 1 / device->script.mode[0].fps[0];
            note("open", (unsigned)number, 0);
            return handles[i].descriptor = memfd_create("v4l2_player", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
        }
    return fail(EMFILE);
}

static void let_go_of_memory(Handle *handle)
{
    if (handle->memory)
        munmap(handle->memory, handle->mapped);
    handle->memory = NULL, handle->buffers = handle->waiting = handle->finished = 0;
}

void player_close(int descriptor)
{
    Handle *handle = handle_of(descriptor);
    note("close", (unsigned)handle->device->number, 0);
    let_go_of_memory(handle);
    forget(&handle->pictures);
    handle->open = false;
}

/* ---- What the camera can do ---- */

static int query_capability(Handle *handle, struct v4l2_capability *answer)
{
    const Script *script = &handle->device->script;
    *answer = (struct v4l2_capability){.version = 6 << 16 | 1 << 8};
    answer->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING | V4L2_CAP_EXT_PIX_FORMAT;
    answer->capabilities = answer->device_caps | V4L2_CAP_DEVICE_CAPS;
    memcpy(answer->driver, script->driver, sizeof answer->driver);
    memcpy(answer->card, script->card, sizeof answer->card);
    memcpy(answer->bus_info, script->bus, sizeof answer->bus_info);
    return 0;
}

static bool first_of_its_format(const Script *script, int mode)
{
    for (int i = 0; i < mode; i++)
        if (script->mode[i].fourcc == script->mode[mode].fourcc)
            return false;
    return true;
}

static int enumerate_formats(Handle *handle, struct v4l2_fmtdesc *answer)
{
    const Script *script = &handle->device->script;
    uint32_t index = 0;
    for (int i = 0; i < script->modes; i++)
        if (first_of_its_format(script, i) && index++ == answer->index) {
            answer->pixelformat = script->mode[i].fourcc;
            answer->flags = answer->pixelformat == V4L2_PIX_FMT_MJPEG ? V4L2_FMT_FLAG_COMPRESSED : 0;
            snprintf((char *)answer->description, sizeof answer->description, "%.4s", (char *)&answer->pixelformat);
            return 0;
        }
    return fail(EINVAL);
}

static int enumerate_sizes(Handle *handle, struct v4l2_frmsizeenum *answer)
{
    const Script *script = &handle->device->script;
    uint32_t index = 0;
    for (const Mode *mode = script->mode; mode < script->mode + script->modes; mode++)
        if (mode->fourcc == answer->pixel_format && index++ == answer->index) {
            answer->type = V4L2_FRMSIZE_TYPE_DISCRETE;
            answer->discrete = (struct v4l2_frmsize_discrete){(uint32_t)mode->width, (uint32_t)mode->height};
            return 0;
        }
    return fail(EINVAL);
}

static struct v4l2_fract interval_of(double fps)
{
    return (struct v4l2_fract){1000, (uint32_t)lround(1000 * fps)};
}

static int enumerate_intervals(Handle *handle, struct v4l2_frmivalenum *answer)
{
    const Script *script = &handle->device->script;
    for (const Mode *mode = script->mode; mode < script->mode + script->modes; mode++)
        if (mode->fourcc == answer->pixel_format && (uint32_t)mode->width == answer->width &&
            (uint32_t)mode->height == answer->height && answer->index < (uint32_t)mode->rates) {
            answer->type = V4L2_FRMIVAL_TYPE_DISCRETE;
            answer->discrete = interval_of(mode->fps[answer->index]);
            return 0;
        }
    return fail(EINVAL);
}

static int query_input(struct v4l2_input *answer)
{
    if (answer->index)
        return fail(EINVAL);
    *answer = (struct v4l2_input){.type = V4L2_INPUT_TYPE_CAMERA, .name = "Camera 1"};
    return 0;
}

/* ---- Formats and rates ---- */

static const Mode *nearest_mode(const Script *script, const struct v4l2_pix_format *wanted)
{
    const Mode *best = &script->mode[0];
    long best_cost = LONG_MAX;
    for (const Mode *mode = script->mode; mode < script->mode + script->modes; mode++) {
        const long cost = (mode->fourcc == wanted->pixelformat ? 0 : 1000000) + labs((long)wanted->width - mode->width) +
                          labs((long)wanted->height - mode->height);
        if (cost < best_cost)
            best = mode, best_cost = cost;
    }
    return best;
}

static bool is_busy(const Handle *handle)
{
    if (handle->device->script.busy)
        return true;
    for (const Handle *other = handles; other < handles + MOST_HANDLES; other++)
        if (other->open && other != handle && other->device == handle->device && other->buffers && !other->gone)
            return true;
    return false;
}

static int format(Handle *handle, struct v4l2_format *answer, bool set, bool get)
{
    if (answer->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        return fail(EINVAL);
    if (set && (is_busy(handle) || handle->buffers))
        return fail(EBUSY);
    const Mode *mode = get ? handle->mode : nearest_mode(&handle->device->script, &answer->fmt.pix);
    if (!get && handle->device->script.strict && mode->fourcc != answer->fmt.pix.pixelformat)
        return fail(EINVAL);
    answer->fmt.pix = layout(mode);
    if (set) {
        handle->mode = mode;
        handle->interval_s = 1 / mode->fps[0];
        note("format", mode->fourcc, (long long)mode->width * 10000 + mode->height);
    }
    return 0;
}

static int parameters(Handle *handle, struct v4l2_streamparm *answer, bool set)
{
    struct v4l2_captureparm *capture = &answer->parm.capture;
    if (answer->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        return fail(EINVAL);
    if (set && handle->streaming)
        return fail(EBUSY);
    const struct v4l2_fract wanted = capture->timeperframe;
    double best = 1 / handle->interval_s;
    if (set && wanted.numerator)
        for (int i = 0; i < handle->mode->rates; i++) {
            const double fps = handle->mode->fps[i], asked = (double)wanted.denominator / wanted.numerator;
            if (!i || fabs(fps - asked) < fabs(best - asked))
                best = fps;
        }
    handle->interval_s = 1 / best;
    *capture = (struct v4l2_captureparm){.capability = V4L2_CAP_TIMEPERFRAME, .timeperframe = interval_of(best), .readbuffers = 2};
    return 0;
}

/* ---- Controls ---- */

static Control *control_of(Handle *handle, uint32_t id)
{
    Script *script = &handle->device->script;
    for (int i = 0; i < script->controls; i++)
        if (script->control[i].info.id == id)
            return &script->control[i];
    return NULL;
}

static Control *control_after(Handle *handle, uint32_t id)
{
    Script *script = &handle->device->script;
    Control *next = NULL;
    for (Control *control = script->control; control < script->control + script->controls; control++)
        if (control->info.id > id && (!next || control->info.id < next->info.id))
            next = control;
    return next;
}

static Control *queried(Handle *handle, uint32_t id)
{
    const uint32_t flags = V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND;
    return id & flags ? control_after(handle, id & ~flags) : control_of(handle, id);
}

static bool is_inactive(Handle *handle, const Control *control)
{
    const Control *other = control->needs ? control_of(handle, control->needs) : NULL;
    return other && other->value != control->needed;
}

static int query_ext_control(Handle *handle, struct v4l2_query_ext_ctrl *answer)
{
    const Control *control = queried(handle, answer->id);
    if (!control)
        return fail(EINVAL);
    *answer = control->info;
    answer->flags |= is_inactive(handle, control) ? V4L2_CTRL_FLAG_INACTIVE : 0;
    return 0;
}

static int query_control(Handle *handle, struct v4l2_queryctrl *answer)
{
    struct v4l2_query_ext_ctrl info = {.id = answer->id};
    if (query_ext_control(handle, &info) < 0)
        return -1;
    *answer = (struct v4l2_queryctrl){
        .id = info.id, .type = info.type, .minimum = (int)info.minimum, .maximum = (int)info.maximum,
        .step = (int)info.step, .default_value = (int)info.default_value, .flags = info.flags,
    };
    memcpy(answer->name, info.name, sizeof answer->name);
    return 0;
}

static int query_menu(Handle *handle, struct v4l2_querymenu *answer)
{
    const Script *script = &handle->device->script;
    for (int i = 0; i < script->menus; i++)
        if (script->menu[i].id == answer->id && script->menu[i].index == answer->index) {
            *answer = script->menu[i];
            return 0;
        }
    return fail(EINVAL);
}

static int get_control(Handle *handle, struct v4l2_control *answer)
{
    const Control *control = control_of(handle, answer->id);
    if (!control)
        return fail(EINVAL);
    answer->value = (int)control->value;
    return 0;
}

static int set_control(Handle *handle, struct v4l2_control *wanted)
{
    Control *control = control_of(handle, wanted->id);
    if (!control)
        return fail(EINVAL);
    note("control", wanted->id, wanted->value);
    if (control->refusal)
        return fail(control->refusal);
    if (is_inactive(handle, control))
        return fail(EACCES);
    const int64_t low = control->info.minimum, high = control->info.maximum;
    control->value = wanted->value < low ? low : wanted->value > high ? high : wanted->value;
    wanted->value = (int)control->value;
    return 0;
}

/* ---- Buffers ---- */

static int request_buffers(Handle *handle, struct v4l2_requestbuffers *request)
{
    if (request->type != V4L2_BUF_TYPE_VIDEO_CAPTURE || request->memory != V4L2_MEMORY_MMAP)
        return fail(EINVAL);
    if (handle->streaming || (request->count && is_busy(handle)))
        return fail(EBUSY);
    let_go_of_memory(handle);
    if (!request->count)
        return 0;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    handle->buffers = request->count > MOST_BUFFERS ? MOST_BUFFERS : request->count < 2 ? 2 : (int)request->count;
    handle->size = layout(handle->mode).sizeimage;
    handle->spacing = (handle->size + page - 1) / page * page;
    handle->mapped = handle->spacing * (size_t)handle->buffers;
    /* Memory that a program still has mapped stays as it is: the file only grows. */
    struct stat status;
    if (fstat(handle->descriptor, &status) == 0 && (size_t)status.st_size < handle->mapped &&
        ftruncate(handle->descriptor, (off_t)handle->mapped) < 0)
        return -1;
    handle->memory = mmap(NULL, handle->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, handle->descriptor, 0);
    memset(handle->owner, 0, sizeof handle->owner);
    request->count = (uint32_t)handle->buffers;
    request->capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP | V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS;
    return 0;
}

static bool is_buffer(const Handle *handle, const struct v4l2_buffer *buffer)
{
    return buffer->type == V4L2_BUF_TYPE_VIDEO_CAPTURE && buffer->index < (uint32_t)handle->buffers;
}

static int query_buffer(Handle *handle, struct v4l2_buffer *buffer)
{
    if (!is_buffer(handle, buffer))
        return fail(EINVAL);
    buffer->memory = V4L2_MEMORY_MMAP;
    buffer->length = (uint32_t)handle->size;
    buffer->m.offset = (uint32_t)(buffer->index * handle->spacing);
    buffer->flags = handle->device->script.clock;
    return 0;
}

static int queue(Handle *handle, struct v4l2_buffer *buffer)
{
    if (!is_buffer(handle, buffer) || buffer->memory != V4L2_MEMORY_MMAP || handle->owner[buffer->index] != WITH_PROGRAM)
        return fail(EINVAL);
    go_on(handle); /* pictures taken before this buffer was there do not go into it */
    handle->owner[buffer->index] = QUEUED;
    handle->line[handle->waiting++] = (int)buffer->index;
    return 0;
}

static int dequeue_now(Handle *handle, struct v4l2_buffer *buffer)
{
    if (!handle->streaming || buffer->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        return fail(EINVAL);
    if (is_gone(handle))
        return fail(ENODEV);
    if (!handle->device->script.free_pace)
        go_on(handle);
    if (handle->gone)
        return fail(ENODEV);
    if (handle->errors) {
        handle->errors--;
        return fail(handle->error);
    }
    if (!handle->finished)
        return fail(EAGAIN);
    *buffer = handle->done[0];
    memmove(handle->done, handle->done + 1, sizeof *handle->done * (size_t)--handle->finished);
    handle->owner[buffer->index] = WITH_PROGRAM;
    return 0;
}

static int dequeue(Handle *handle, struct v4l2_buffer *buffer)
{
    for (;;) {
        if (handle->blocking && handle->device->script.free_pace)
            go_on(handle);
        const bool silent = !handle->finished && !handle->errors;
        const int result = dequeue_now(handle, buffer);
        if (result == 0 || !handle->blocking || errno != EAGAIN || !silent)
            return result;
        usleep(500);
    }
}

static int stream(Handle *handle, const int *type, bool on)
{
    if (*type != V4L2_BUF_TYPE_VIDEO_CAPTURE || (on && !handle->buffers))
        return fail(EINVAL);
    if (on && is_busy(handle))
        return fail(EBUSY);
    if (on) {
        load(&handle->pictures, handle->mode->pictures);
        handle->sequence = 0;
        handle->next_s = now_s() + handle->interval_s;
        note("stream", handle->mode->fourcc, lround(1000 / handle->interval_s));
    } else {
        memset(handle->owner, 0, sizeof handle->owner);
        handle->waiting = handle->finished = 0;
    }
    handle->stalled = false, handle->resume_s = 0, handle->errors = 0;
    handle->streaming = on;
    return 0;
}

int player_ioctl(int descriptor, unsigned long request, void *argument)
{
    Handle *handle = handle_of(descriptor);
    if (is_gone(handle))
        return fail(ENODEV);
    switch ((unsigned)request) {
    case VIDIOC_QUERYCAP: return query_capability(handle, argument);
    case VIDIOC_ENUM_FMT: return enumerate_formats(handle, argument);
    case VIDIOC_ENUM_FRAMESIZES: return enumerate_sizes(handle, argument);
    case VIDIOC_ENUM_FRAMEINTERVALS: return enumerate_intervals(handle, argument);
    case VIDIOC_ENUMINPUT: return query_input(argument);
    case VIDIOC_G_INPUT: *(int *)argument = 0; return 0;
    case VIDIOC_S_INPUT: return *(int *)argument ? fail(EINVAL) : 0;
    case VIDIOC_G_FMT: return format(handle, argument, false, true);
    case VIDIOC_TRY_FMT: return format(handle, argument, false, false);
    case VIDIOC_S_FMT: return format(handle, argument, true, false);
    case VIDIOC_G_PARM: return parameters(handle, argument, false);
    case VIDIOC_S_PARM: return parameters(handle, argument, true);
    case VIDIOC_QUERYCTRL: return query_control(handle, argument);
    case VIDIOC_QUERY_EXT_CTRL: return query_ext_control(handle, argument);
    case VIDIOC_QUERYMENU: return query_menu(handle, argument);
    case VIDIOC_G_CTRL: return get_control(handle, argument);
    case VIDIOC_S_CTRL: return set_control(handle, argument);
    case VIDIOC_REQBUFS: return request_buffers(handle, argument);
    case VIDIOC_QUERYBUF: return query_buffer(handle, argument);
    case VIDIOC_QBUF: return queue(handle, argument);
    case VIDIOC_DQBUF: return dequeue(handle, argument);
    case VIDIOC_STREAMON: return stream(handle, argument, true);
    case VIDIOC_STREAMOFF: return stream(handle, argument, false);
    default: return fail(ENOTTY);
    }
}
