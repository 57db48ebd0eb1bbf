/* edge._native: the C core for Python. Borrows arrays, releases the GIL, calls the kernels; no arithmetic here.
 *
 * Limited API of Python 3.10: one binary for that and all later versions. edge/picture/reference.py says what every
 * function means, edge/_native.pyi how it is called.
 */
#include "arguments.h"
#include "motion/motion.h"
#include "motion/regions.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>

static EdgeKernels kernels;
static EdgeMotion motion;

/* Every function below: borrow what it needs (NULL: an error is set), work without the GIL, give back. */
static PyObject *finish(Views *views, int done)
{
    drop(views);
    return done ? Py_NewRef(Py_None) : NULL;
}

/* ---- Tables ---- */

enum { CURVES = 8 };

/* The curves of the last gammas asked for: a stream asks for the same few thousands of times. The GIL guards them. */
static const double *curve_of(double gamma)
{
    static double gammas[CURVES], powers[CURVES][EDGE_LEVELS]; /* 0 is free */
    static unsigned next;
    for (int i = 0; i < CURVES; i++)
        if (gammas[i] == gamma)
            return powers[i];
    const unsigned i = next++ % CURVES;
    gammas[i] = gamma;
    edge_powers(gamma, powers[i]);
    return powers[i];
}

static PyObject *gic_table(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    int minimum, maximum;
    double gamma;
    if (expect_arguments("gic_table", n, 4, 4) < 0 || range_of(args, &minimum, &maximum) < 0 ||
        gamma_of(args[2], &gamma) < 0)
        return NULL;
    const Py_buffer *table = hold(&views, args[3], (Wanted){"table", 'B', 1, 1, {EDGE_LEVELS}});
    if (!table)
        return finish(&views, 0);
    edge_gic_table(minimum, maximum, curve_of(gamma), table->buf);
    return finish(&views, 1);
}

static PyObject *apply_table(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    if (expect_arguments("apply_table", n, 3, 3) < 0)
        return NULL;
    const Py_buffer *image = hold(&views, args[0], (Wanted){"image", 'B', 0, ANY, {0}});
    const Py_buffer *table = image ? hold(&views, args[1], (Wanted){"table", 'B', 0, 1, {EDGE_LEVELS}}) : NULL;
    const Py_buffer *target = table ? hold(&views, args[2], alike("target", 'B', 1, image)) : NULL;
    if (!target)
        return finish(&views, 0);
    Py_BEGIN_ALLOW_THREADS
    kernels.lut(image->buf, elements(image), table->buf, target->buf);
    Py_END_ALLOW_THREADS
    return finish(&views, 1);
}

static PyObject *apply_gain(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    double gain;
    if (expect_arguments("apply_gain", n, 4, 4) < 0 || number_of(args[1], "gain", 0.0, 65536.0, &gain) < 0)
        return NULL;
    const Py_buffer *image = hold(&views, args[0], (Wanted){"image", 'H', 0, ANY, {0}});
    const Py_buffer *table = image ? hold(&views, args[2], (Wanted){"table", 'B', 0, 1, {EDGE_LEVELS12}}) : NULL;
    const Py_buffer *target = table ? hold(&views, args[3], alike("target", 'B', 1, image)) : NULL;
    if (!target)
        return finish(&views, 0);
    Py_BEGIN_ALLOW_THREADS
    kernels.lut12(image->buf, elements(image), (float)gain, table->buf, target->buf);
    Py_END_ALLOW_THREADS
    return finish(&views, 1);
}

/* ---- FrontEnd: the two calls of a frame, with everything but the source borrowed once ---- */

typedef struct {
    PyObject_HEAD
    Views buffers; /* small, counts, moments, corrected, and luma where it is wanted */
    EdgePlan plan;
    int busy;
} FrontEnd;

enum { SMALL, COUNTS, MOMENTS, CORRECTED, LUMA };

/* Two threads in one FrontEnd would write the same buffers, and the plan could change under one of them. */
static int enter(FrontEnd *self)
{
    if (!self->buffers.count) {
        PyErr_SetString(PyExc_RuntimeError, "FrontEnd: was not initialised; call FrontEnd(small, counts, ...)");
        return -1;
    }
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "FrontEnd: is in use by another thread; give every thread its own");
        return -1;
    }
    self->busy = 1;
    return 0;
}

static int plan_for(FrontEnd *self, EdgeFormat format, const Picture *picture)
{
    EdgePlan *plan = &self->plan;
    const Py_buffer *small = &self->buffers.view[SMALL];
    if (plan->memory && plan->format == format && plan->height == picture->height && plan->width == picture->width)
        return 0;
    if (must_shrink(picture, small, "small") < 0)
        return -1;
    edge_plan_free(plan);
    if (!edge_plan_make(plan, format, picture->height, picture->width, (int)small->shape[0], (int)small->shape[1]))
        return 0;
    PyErr_NoMemory();
    return -1;
}

static void measure_frame(const FrontEnd *self, const Picture *picture)
{
    const Py_buffer *buffers = self->buffers.view, *small = &buffers[SMALL];
    uint32_t *counts = buffers[COUNTS].buf;
    edge_shrink(&kernels, &self->plan, picture->data, picture->stride, small->buf,
                self->buffers.count > LUMA ? buffers[LUMA].buf : NULL);
    memset(counts, 0, 3 * EDGE_LEVELS * sizeof *counts);
    kernels.histogram(small->buf, elements(small), counts);
    edge_statistics(counts, buffers[MOMENTS].buf);
}

static PyObject *measure(PyObject *object, PyObject *const *args, Py_ssize_t n)
{
    FrontEnd *self = (FrontEnd *)object;
    Views views = {.count = 0};
    EdgeFormat format = EDGE_BGR;
    Picture picture;
    if (expect_arguments("measure", n, 1, 2) < 0 || (n > 1 && format_of(args[1], &format) < 0) || enter(self) < 0)
        return NULL;
    const Py_buffer *source = borrow(&views, args[0], "source", 'B', 0);
    const int ready =
        source && shaped_picture(source, "source", format, &picture) == 0 && plan_for(self, format, &picture) == 0;
    if (ready) {
        Py_BEGIN_ALLOW_THREADS
        measure_frame(self, &picture);
        Py_END_ALLOW_THREADS
    }
    self->busy = 0;
    return finish(&views, ready);
}

static PyObject *correct(PyObject *object, PyObject *const *args, Py_ssize_t n)
{
    FrontEnd *self = (FrontEnd *)object;
    const Py_buffer *buffers = self->buffers.view;
    int minimum, maximum;
    double gamma;
    if (expect_arguments("correct", n, 3, 3) < 0 || range_of(args, &minimum, &maximum) < 0 ||
        gamma_of(args[2], &gamma) < 0 || enter(self) < 0)
        return NULL;
    uint8_t table[EDGE_LEVELS];
    edge_gic_table(minimum, maximum, curve_of(gamma), table);
    Py_BEGIN_ALLOW_THREADS
    kernels.lut(buffers[SMALL].buf, elements(&buffers[SMALL]), table, buffers[CORRECTED].buf);
    Py_END_ALLOW_THREADS
    self->busy = 0;
    return Py_NewRef(Py_None);
}

static int hold_luma(Views *views, PyObject *luma)
{
    const Py_ssize_t *small = views->view[SMALL].shape;
    return !luma || luma == Py_None || hold(views, luma, (Wanted){"luma", 'H', 1, 2, {small[0], small[1]}}) ? 0 : -1;
}

static int initialise(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"small", "counts", "moments", "corrected", "luma", NULL};
    Views *views = &((FrontEnd *)object)->buffers;
    PyObject *small, *counts, *moments, *corrected, *luma = NULL;
    if (views->count) {
        PyErr_SetString(PyExc_RuntimeError, "FrontEnd: is initialised already; make a new one");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOO|O:FrontEnd", names, &small, &counts, &moments, &corrected,
                                     &luma))
        return -1;
    if (hold(views, small, (Wanted){"small", 'B', 1, 3, {0, 0, 3}}) &&
        hold(views, counts, (Wanted){"counts", 'I', 1, 2, {3, EDGE_LEVELS}}) &&
        hold(views, moments, (Wanted){"moments", 'd', 1, 1, {5}}) &&
        hold(views, corrected, alike("corrected", 'B', 1, &views->view[SMALL])) && hold_luma(views, luma) == 0)
        return 0;
    drop(views);
    return -1;
}

static PyObject *allocate(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args, (void)kwargs;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return alloc(type, 0); /* zeroed: no buffers, no plan */
}

static void deallocate(PyObject *object)
{
    FrontEnd *self = (FrontEnd *)object;
    PyTypeObject *type = Py_TYPE(object);
    edge_plan_free(&self->plan);
    drop(&self->buffers);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

/* ---- Motion ---- */

static int whole_number(PyObject *object, const char *name, int least, int most, int *number)
{
    const long value = PyLong_AsLong(object);
    if (PyErr_Occurred())
        return -1;
    if (value < least || value > most) {
        PyErr_Format(PyExc_ValueError, "%s: expected %d to %d, found %ld", name, least, most, value);
        return -1;
    }
    *number = (int)value;
    return 0;
}

/* A luma's size that the motion stage takes; -1 with an error set. */
static int motion_size(Py_ssize_t height, Py_ssize_t width)
{
    const Py_ssize_t sides[] = {height, width};
    for (int i = 0; i < 2; i++)
        if (sides[i] < EDGE_MOTION_LEAST_SIDE || sides[i] > EDGE_MOTION_MOST_SIDE || sides[i] % 4) {
            PyErr_Format(PyExc_ValueError, "height, width: expected multiples of 4 from %d to %d, found %zd x %zd",
                         EDGE_MOTION_LEAST_SIDE, EDGE_MOTION_MOST_SIDE, height, width);
            return -1;
        }
    return 0;
}

static PyObject *motion_sizes(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    int height, width;
    if (expect_arguments("motion_sizes", n, 2, 2) < 0 ||
        whole_number(args[0], "height", 0, EDGE_MOTION_MOST_SIDE, &height) < 0 ||
        whole_number(args[1], "width", 0, EDGE_MOTION_MOST_SIDE, &width) < 0 || motion_size(height, width) < 0)
        return NULL;
    PyObject *slot = PyLong_FromSize_t(edge_motion_slot(height, width));
    PyObject *work = PyLong_FromSize_t(edge_motion_work(height, width));
    PyObject *sizes = slot && work ? PyTuple_Pack(2, slot, work) : NULL;
    Py_XDECREF(slot);
    Py_XDECREF(work);
    return sizes;
}

static PyObject *motion_take(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    if (expect_arguments("motion_take", n, 2, 2) < 0)
        return NULL;
    const Py_buffer *luma = hold(&views, args[0], (Wanted){"luma", 'H', 0, 2, {0, 0}});
    if (!luma || motion_size(luma->shape[0], luma->shape[1]) < 0)
        return finish(&views, 0);
    const int height = (int)luma->shape[0], width = (int)luma->shape[1];
    const Py_ssize_t needed = (Py_ssize_t)edge_motion_slot(height, width);
    const Py_buffer *slot = hold(&views, args[1], (Wanted){"slot", 'h', 1, 1, {needed}});
    if (!slot)
        return finish(&views, 0);
    Py_BEGIN_ALLOW_THREADS
    motion.take(luma->buf, height, width, slot->buf);
    Py_END_ALLOW_THREADS
    return finish(&views, 1);
}

static int look_of(PyObject *const *args, EdgeLook *look)
{
    return whole_number(args[1], "newest", 0, look->slots - 1, &look->newest) < 0 ||
                   whole_number(args[2], "accumulation", 1, EDGE_MOTION_MOST_FRAMES, &look->accumulation) < 0 ||
                   whole_number(args[3], "stride", 1, EDGE_MOTION_MOST_FRAMES, &look->stride) < 0 ||
                   whole_number(args[4], "binning", 1, 8, &look->binning) < 0 ||
                   number_of(args[5], "levels", 0.0, 255.0, &look->levels) < 0
               ? -1
               : 0;
}

static PyObject *motion_look(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    EdgeLook look;
    if (expect_arguments("motion_look", n, 9, 9) < 0)
        return NULL;
    const Py_buffer *x = hold(&views, args[7], (Wanted){"x", 'B', 1, 3, {0, 0, 3}});
    if (!x || motion_size(4 * x->shape[0], 4 * x->shape[1]) < 0)
        return finish(&views, 0);
    look.height = 4 * (int)x->shape[0];
    look.width = 4 * (int)x->shape[1];
    const Py_ssize_t slot = (Py_ssize_t)edge_motion_slot(look.height, look.width);
    const Py_ssize_t bytes = (Py_ssize_t)edge_motion_work(look.height, look.width);
    const Py_buffer *ring = hold(&views, args[0], (Wanted){"ring", 'h', 0, 2, {0, slot}});
    const Py_buffer *work = ring ? hold(&views, args[6], (Wanted){"work", 'B', 1, 1, {bytes}}) : NULL;
    const Py_buffer *report = work ? hold(&views, args[8], (Wanted){"report", 'd', 1, 1, {EDGE_MOTION_REPORT}}) : NULL;
    if (!report)
        return finish(&views, 0);
    look.slots = (int)(ring->shape[0] < INT_MAX ? ring->shape[0] : INT_MAX);
    if (look_of(args, &look) < 0)
        return finish(&views, 0);
    if (look.slots < look.accumulation + look.stride) {
        PyErr_Format(PyExc_ValueError, "ring: expected at least accumulation + stride = %d slots, found %d",
                     look.accumulation + look.stride, look.slots);
        return finish(&views, 0);
    }
    Py_BEGIN_ALLOW_THREADS
    motion.look(&look, ring->buf, work->buf, x->buf, report->buf);
    Py_END_ALLOW_THREADS
    return finish(&views, 1);
}

/* ---- Regions ---- */

/* A map's size that regions are looked for in; -1 with an error set. */
static int map_size(Py_ssize_t height, Py_ssize_t width)
{
    const Py_ssize_t sides[] = {height, width};
    for (int i = 0; i < 2; i++)
        if (sides[i] < EDGE_REGIONS_LEAST_SIDE || sides[i] > EDGE_REGIONS_MOST_SIDE) {
            PyErr_Format(PyExc_ValueError, "height, width: expected %d to %d, found %zd x %zd",
                         EDGE_REGIONS_LEAST_SIDE, EDGE_REGIONS_MOST_SIDE, height, width);
            return -1;
        }
    return 0;
}

static PyObject *regions_work(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    int height, width;
    if (expect_arguments("regions_work", n, 2, 2) < 0 || whole_number(args[0], "height", 0, INT_MAX, &height) < 0 ||
        whole_number(args[1], "width", 0, INT_MAX, &width) < 0 || map_size(height, width) < 0)
        return NULL;
    return PyLong_FromSize_t(edge_regions_work(height, width));
}

static PyObject *regions_find(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    EdgeRegions wanted;
    if (expect_arguments("regions_find", n, 10, 10) < 0)
        return NULL;
    const Py_buffer *x = hold(&views, args[0], (Wanted){"x", 'B', 0, 3, {0, 0, 3}});
    if (!x || map_size(x->shape[0], x->shape[1]) < 0)
        return finish(&views, 0);
    wanted.height = (int)x->shape[0];
    wanted.width = (int)x->shape[1];
    const Wanted claims_wanted = {"claims", 'i', 0, 2, {EDGE_REGIONS_CLAIMS, EDGE_REGIONS_CLAIM}};
    const Wanted owner_wanted = {"owner", 'B', 1, 2, {wanted.height, wanted.width}};
    const Wanted sums_wanted = {"sums", 'i', 1, 2, {EDGE_REGIONS_CLAIMS, EDGE_REGIONS_SUMS}};
    const Wanted regions_wanted = {"regions", 'i', 1, 2, {EDGE_REGIONS_MOST, EDGE_REGIONS_REGION}};
    const Wanted work_wanted = {"work", 'B', 1, 1, {(Py_ssize_t)edge_regions_work(wanted.height, wanted.width)}};
    const Py_buffer *claims = hold(&views, args[1], claims_wanted);
    const Py_buffer *owner = claims ? hold(&views, args[6], owner_wanted) : NULL;
    const Py_buffer *sums = owner ? hold(&views, args[7], sums_wanted) : NULL;
    const Py_buffer *regions = sums ? hold(&views, args[8], regions_wanted) : NULL;
    const Py_buffer *work = regions ? hold(&views, args[9], work_wanted) : NULL;
    if (!work || whole_number(args[2], "count", 0, EDGE_REGIONS_CLAIMS, &wanted.claims) < 0 ||
        whole_number(args[3], "reach_x", 1, EDGE_REGIONS_MOST_REACH, &wanted.reach_x) < 0 ||
        whole_number(args[4], "reach_y", 1, EDGE_REGIONS_MOST_REACH, &wanted.reach_y) < 0 ||
        whole_number(args[5], "least_mass", 1, INT_MAX, &wanted.least_mass) < 0)
        return finish(&views, 0);
    if ((uintptr_t)work->buf % sizeof(int32_t)) {
        PyErr_SetString(PyExc_ValueError, "work: expected memory aligned to 4 bytes; pass a fresh array");
        return finish(&views, 0);
    }
    int found;
    Py_BEGIN_ALLOW_THREADS
    found = edge_regions_find(&wanted, x->buf, claims->buf, owner->buf, sums->buf, regions->buf, work->buf);
    Py_END_ALLOW_THREADS
    drop(&views);
    return PyLong_FromLong(found);
}

static int window_of(PyObject *const *args, EdgeWindow *window)
{
    const int far = 256 * 8 * EDGE_REGIONS_MOST_SIDE;
    return whole_number(args[2], "which", 0, EDGE_REGIONS_CLAIMS, &window->which) < 0 ||
                   whole_number(args[3], "middle_x", -far, far, &window->middle_x) < 0 ||
                   whole_number(args[4], "middle_y", -far, far, &window->middle_y) < 0 ||
                   whole_number(args[5], "tall", 1, 256 * EDGE_WINDOW_MOST_CELLS * window->out_height,
                                &window->tall) < 0 ||
                   whole_number(args[6], "scale", 0, 1 << 24, &window->scale) < 0
               ? -1
               : 0;
}

static PyObject *regions_window(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    EdgeWindow window;
    if (expect_arguments("regions_window", n, 8, 8) < 0)
        return NULL;
    const Py_buffer *x = hold(&views, args[0], (Wanted){"x", 'B', 0, 3, {0, 0, 3}});
    if (!x || map_size(x->shape[0], x->shape[1]) < 0)
        return finish(&views, 0);
    window.height = (int)x->shape[0];
    window.width = (int)x->shape[1];
    const Py_buffer *owner = hold(&views, args[1], (Wanted){"owner", 'B', 0, 2, {window.height, window.width}});
    const Py_buffer *out = owner ? hold(&views, args[7], (Wanted){"out", 'B', 1, 3, {0, 0, 3}}) : NULL;
    if (!out)
        return finish(&views, 0);
    if (out->shape[0] > EDGE_WINDOW_MOST_SIDE || out->shape[1] > EDGE_WINDOW_MOST_SIDE) {
        PyErr_Format(PyExc_ValueError, "out: expected at most %d x %d, found %zd x %zd", EDGE_WINDOW_MOST_SIDE,
                     EDGE_WINDOW_MOST_SIDE, out->shape[0], out->shape[1]);
        return finish(&views, 0);
    }
    window.out_height = (int)out->shape[0];
    window.out_width = (int)out->shape[1];
    if (window_of(args, &window) < 0)
        return finish(&views, 0);
    Py_BEGIN_ALLOW_THREADS
    edge_regions_window(&window, x->buf, owner->buf, out->buf);
    Py_END_ALLOW_THREADS
    return finish(&views, 1);
}

/* ---- Module ---- */

#define METHOD(function, text) {#function, (PyCFunction)(void (*)(void))function, METH_FASTCALL, text}

static PyMethodDef front_end_methods[] = {
    METHOD(measure, "measure(source, format='bgr')\n\nShrink into small and luma, count, statistics into moments."),
    METHOD(correct, "correct(minimum, maximum, gamma)\n\nThe small frame through the GIC table into corrected."),
    {NULL, NULL, 0, NULL},
};

static PyType_Slot front_end_slots[] = {
    {Py_tp_doc, "FrontEnd(small, counts, moments, corrected, luma=None)\n\nA frame's two calls; nothing is allocated "
                "per frame."},
    {Py_tp_new, allocate},
    {Py_tp_init, initialise},
    {Py_tp_dealloc, deallocate},
    {Py_tp_methods, front_end_methods},
    {0, NULL},
};

static PyType_Spec front_end_spec = {"edge._native.FrontEnd", sizeof(FrontEnd), 0, Py_TPFLAGS_DEFAULT, front_end_slots};

typedef struct {
    const char *name;
    size_t offset;
} Entry;

#define ENTRY(kernel) {#kernel, offsetof(EdgeKernels, kernel)}
static const Entry entries[] = {
    ENTRY(histogram), ENTRY(lut),     ENTRY(lut12),        ENTRY(rows16),        ENTRY(rows32), ENTRY(narrow),
    ENTRY(columns),   ENTRY(average), ENTRY(bgr_from_yuv), ENTRY(bgr_from_grey), ENTRY(luma),
};

/* A kernel belongs to the first level that offers it: later levels inherit what they do not override. */
static const char *level_running(const Entry *entry)
{
    for (int l = 0; edge_level(l); l++) {
        EdgeKernels candidate;
        edge_kernels(edge_level(l), &candidate);
        if (!memcmp((char *)&candidate + entry->offset, (char *)&kernels + entry->offset, sizeof(void (*)(void))))
            return edge_level(l);
    }
    return "unknown";
}

static PyObject *running_kernels(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self, (void)args;
    PyObject *running = expect_arguments("kernels", n, 0, 0) < 0 ? NULL : PyDict_New();
    for (size_t i = 0; running && i < sizeof entries / sizeof *entries; i++) {
        PyObject *level = PyUnicode_FromString(level_running(&entries[i]));
        if (!level || PyDict_SetItemString(running, entries[i].name, level) < 0)
            Py_CLEAR(running);
        Py_XDECREF(level);
    }
    return running;
}

static int choose(const char *level)
{
    return edge_kernels(level, &kernels) < 0 ? -1 : edge_motion(level, &motion);
}

/* EDGE_NATIVE names the highest level to use; without it, the best of this CPU. */
static int choose_kernels(void)
{
    const char *wanted = getenv("EDGE_NATIVE");
    int best = 0;
    while (edge_level(best + 1))
        best++;
    if (!wanted || !*wanted)
        return choose(edge_level(best));
    if (choose(wanted) == 0)
        return 0;
    PyErr_Format(PyExc_ImportError, "EDGE_NATIVE: this CPU has no level '%s'; its best is '%s', and 'scalar' always runs",
                 wanted, edge_level(best));
    return -1;
}

static PyMethodDef functions[] = {
    METHOD(gic_table, "gic_table(minimum, maximum, gamma, table)"),
    METHOD(apply_table, "apply_table(image, table, target)"),
    METHOD(apply_gain, "apply_gain(image, gain, table, target)"),
    METHOD(motion_sizes, "motion_sizes(height, width)\n\nElements of a ring's slot, bytes of work memory."),
    METHOD(motion_take, "motion_take(luma, slot)"),
    METHOD(motion_look, "motion_look(ring, newest, accumulation, stride, binning, levels, work, x, report)"),
    METHOD(regions_work, "regions_work(height, width)\n\nBytes of work memory."),
    METHOD(regions_find, "regions_find(x, claims, count, reach_x, reach_y, least_mass, owner, sums, regions, work)"),
    METHOD(regions_window, "regions_window(x, owner, which, middle_x, middle_y, tall, scale, out)"),
    {"kernels", (PyCFunction)(void (*)(void))running_kernels, METH_FASTCALL,
     "kernels()\n\nWhich CPU level runs every kernel: {'histogram': 'avx2', ...}."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "edge._native", "The frame's arithmetic in C; edge/picture/reference.py says what it means.",
    -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    if (choose_kernels() < 0)
        return NULL;
    PyObject *module = PyModule_Create(&definition), *type = module ? PyType_FromSpec(&front_end_spec) : NULL;
    if (type && PyModule_AddObjectRef(module, "FrontEnd", type) == 0) {
        Py_DECREF(type);
        return module;
    }
    Py_XDECREF(type);
    Py_XDECREF(module);
    return NULL;
}
