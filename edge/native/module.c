/* edge._native: the C core for Python. Borrows arrays, releases the GIL, calls the kernels; no arithmetic here.
 *
 * Limited API of Python 3.10: one binary for that and all later versions. edge/picture/reference.py says what every
 * function means, edge/_native.pyi how it is called.
 */
#include "arguments.h"

#include <stddef.h>
#include <stdlib.h>

static EdgeKernels kernels;

/* Every function below: borrow what it needs (NULL: an error is set), work without the GIL, give back. */
static PyObject *finish(Views *views, int done)
{
    drop(views);
    return done ? Py_NewRef(Py_None) : NULL;
}

/* ---- Pictures ---- */

static int shrink_once(const Picture *picture, EdgeFormat format, const Py_buffer *target)
{
    EdgePlan plan;
    if (edge_plan_make(&plan, format, picture->height, picture->width, (int)target->shape[0], (int)target->shape[1])) {
        PyErr_NoMemory();
        return 0;
    }
    Py_BEGIN_ALLOW_THREADS
    if (target->itemsize == 2)
        edge_shrink12(&kernels, &plan, picture->data, picture->stride, target->buf);
    else
        edge_shrink8(&kernels, &plan, picture->data, picture->stride, target->buf);
    edge_plan_free(&plan);
    Py_END_ALLOW_THREADS
    return 1;
}

static PyObject *shrink(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    EdgeFormat format = EDGE_BGR;
    Picture picture;
    if (expect_arguments("shrink", n, 2, 3) < 0 || (n > 2 && format_of(args[2], &format) < 0))
        return NULL;
    const char type = has_type(args[1], 'H') ? 'H' : 'B';
    const Py_buffer *source = borrow(&views, args[0], "source", 'B', 0);
    if (!source || shaped_picture(source, "source", format, &picture) < 0)
        return finish(&views, 0);
    const Py_buffer *target = hold(&views, args[1], (Wanted){"target", type, 1, 3, {0, 0, 3}});
    if (!target || must_shrink(&picture, target, "target") < 0)
        return finish(&views, 0);
    return finish(&views, shrink_once(&picture, format, target));
}

/* ---- Histograms and what follows from them ---- */

static void count_picture(const Picture *picture, uint32_t *counts)
{
    const size_t row = 3 * (size_t)picture->width;
    memset(counts, 0, 3 * EDGE_LEVELS * sizeof *counts);
    if (picture->stride == (ptrdiff_t)row)
        kernels.histogram(picture->data, row * (size_t)picture->height, 3, counts);
    else
        for (int y = 0; y < picture->height; y++)
            kernels.histogram(picture->data + y * picture->stride, row, 3, counts);
}

static PyObject *histogram(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    Picture picture;
    if (expect_arguments("histogram", n, 2, 2) < 0)
        return NULL;
    const Py_buffer *image = borrow(&views, args[0], "image", 'B', 0);
    if (!image || shaped_picture(image, "image", EDGE_BGR, &picture) < 0)
        return finish(&views, 0);
    const Py_buffer *counts = hold(&views, args[1], (Wanted){"counts", 'I', 1, 2, {3, EDGE_LEVELS}});
    if (!counts)
        return finish(&views, 0);
    Py_BEGIN_ALLOW_THREADS
    count_picture(&picture, counts->buf);
    Py_END_ALLOW_THREADS
    return finish(&views, 1);
}

static PyObject *histogram12(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    if (expect_arguments("histogram12", n, 2, 2) < 0)
        return NULL;
    const Py_buffer *image = hold(&views, args[0], (Wanted){"image", 'H', 0, 3, {0, 0, 3}});
    const Py_buffer *counts = image ? hold(&views, args[1], (Wanted){"counts", 'I', 1, 1, {EDGE_LEVELS12}}) : NULL;
    if (!counts)
        return finish(&views, 0);
    Py_BEGIN_ALLOW_THREADS
    edge_histogram12(image->buf, elements(image), counts->buf);
    Py_END_ALLOW_THREADS
    return finish(&views, 1);
}

static int must_count_something(const Py_buffer *counts)
{
    const uint32_t *bins = counts->buf;
    for (size_t k = 0; k < elements(counts); k++)
        if (bins[k])
            return 0;
    PyErr_SetString(PyExc_ValueError, "counts: expected the histogram of a picture, found all zeros");
    return -1;
}

typedef void (*Statistics)(const uint32_t *counts, double result[5]);

static PyObject *statistics_by(Statistics compute, const char *name, PyObject *const *args, Py_ssize_t n)
{
    Views views = {.count = 0};
    if (expect_arguments(name, n, 2, 2) < 0)
        return NULL;
    const Py_buffer *counts = hold(&views, args[0], (Wanted){"counts", 'I', 0, 2, {3, EDGE_LEVELS}});
    const Py_buffer *result = counts ? hold(&views, args[1], (Wanted){"result", 'd', 1, 1, {5}}) : NULL;
    if (!result || must_count_something(counts) < 0)
        return finish(&views, 0);
    compute(counts->buf, result->buf);
    return finish(&views, 1);
}

static PyObject *statistics(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    return statistics_by(edge_statistics_pixel, "statistics", args, n);
}

static PyObject *statistics_dgam(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    return statistics_by(edge_statistics_dgam, "statistics_dgam", args, n);
}

/* The pooled level under which a fraction of all values lies; counts [levels] or [3,levels]. */
static int level_under(const Py_buffer *counts, double fraction, double *level)
{
    uint32_t pooled[EDGE_LEVELS];
    const uint32_t *bins = counts->buf;
    if (must_count_something(counts) < 0)
        return -1;
    if (counts->ndim == 1) {
        *level = edge_level_of(bins, (int)counts->shape[0], fraction);
        return 0;
    }
    for (int v = 0; v < EDGE_LEVELS; v++)
        pooled[v] = bins[v] + bins[EDGE_LEVELS + v] + bins[2 * EDGE_LEVELS + v];
    *level = edge_level_of(pooled, EDGE_LEVELS, fraction);
    return 0;
}

static PyObject *running_level(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    double fraction, rate, now;
    if (expect_arguments("running_level", n, 4, 4) < 0 || number_of(args[1], "fraction", 0.0, 1.0, &fraction) < 0 ||
        number_of(args[2], "rate", 0.0, 1.0, &rate) < 0)
        return NULL;
    const Py_buffer *level = hold(&views, args[3], (Wanted){"level", 'd', 1, 1, {1}});
    const Py_buffer *counts = level ? borrow(&views, args[0], "counts", 'I', 0) : NULL;
    if (!counts)
        return finish(&views, 0);
    const int pooled = counts->ndim == 1 && (counts->shape[0] == EDGE_LEVELS || counts->shape[0] == EDGE_LEVELS12);
    const int channels = counts->ndim == 2 && counts->shape[0] == 3 && counts->shape[1] == EDGE_LEVELS;
    if ((!pooled && !channels) || !is_contiguous(counts)) {
        shape_error(counts, "counts", "[3,256], [256] or [4096], C-contiguous");
        return finish(&views, 0);
    }
    if (level_under(counts, fraction, &now) < 0)
        return finish(&views, 0);
    double *running = level->buf;
    *running = *running >= 0.0 ? *running + rate * (now - *running) : now; /* negative or NaN: nothing seen yet */
    return finish(&views, 1);
}

/* ---- Tables ---- */

/* The curve of the last gamma asked for: a stream asks for the same one thousands of times. The GIL guards it. */
static const double *last_curve(double gamma)
{
    static double known_gamma, powers[EDGE_LEVELS];
    if (gamma != known_gamma)
        edge_powers(gamma, powers);
    known_gamma = gamma;
    return powers;
}

static PyObject *gic_table(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    int minimum, maximum;
    double gamma;
    if (expect_arguments("gic_table", n, 4, 4) < 0 || range_of(args, EDGE_LEVELS - 1, &minimum, &maximum) < 0 ||
        gamma_of(args[2], &gamma) < 0)
        return NULL;
    const Py_buffer *table = hold(&views, args[3], (Wanted){"table", 'B', 1, 1, {EDGE_LEVELS}});
    if (!table)
        return finish(&views, 0);
    edge_gic_table(minimum, maximum, last_curve(gamma), table->buf);
    return finish(&views, 1);
}

static PyObject *gic_table12(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    int minimum, maximum;
    double gamma;
    if (expect_arguments("gic_table12", n, 4, 4) < 0 || range_of(args, EDGE_LEVELS12 - 1, &minimum, &maximum) < 0 ||
        gamma_of(args[2], &gamma) < 0)
        return NULL;
    const Py_buffer *table = hold(&views, args[3], (Wanted){"table", 'B', 1, 1, {EDGE_LEVELS12}});
    if (!table)
        return finish(&views, 0);
    Py_BEGIN_ALLOW_THREADS
    edge_gic_table12(minimum, maximum, gamma, table->buf);
    Py_END_ALLOW_THREADS
    return finish(&views, 1);
}

static int normalised_range_of(PyObject *const *args, double *minimum, double *maximum)
{
    if (number_of(args[0], "minimum", -3.0, 3.0, minimum) < 0 || number_of(args[1], "maximum", -3.0, 3.0, maximum) < 0)
        return -1;
    if (*minimum <= *maximum)
        return 0;
    PyErr_Format(PyExc_ValueError, "minimum, maximum: expected minimum <= maximum, found %R, %R", args[0], args[1]);
    return -1;
}

static PyObject *dgam_tables(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    double minimum, maximum, gamma;
    if (expect_arguments("dgam_tables", n, 4, 4) < 0 || normalised_range_of(args, &minimum, &maximum) < 0 ||
        gamma_of(args[2], &gamma) < 0)
        return NULL;
    const Py_buffer *tables = hold(&views, args[3], (Wanted){"tables", 'B', 1, 2, {3, EDGE_LEVELS}});
    if (!tables)
        return finish(&views, 0);
    edge_dgam_tables(minimum, maximum, gamma, tables->buf);
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

static PyObject *apply_tables(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    if (expect_arguments("apply_tables", n, 3, 3) < 0)
        return NULL;
    const Py_buffer *image = hold(&views, args[0], (Wanted){"image", 'B', 0, 3, {0, 0, 3}});
    const Py_buffer *tables = image ? hold(&views, args[1], (Wanted){"tables", 'B', 0, 2, {3, EDGE_LEVELS}}) : NULL;
    const Py_buffer *target = tables ? hold(&views, args[2], alike("target", 'B', 1, image)) : NULL;
    if (!target)
        return finish(&views, 0);
    Py_BEGIN_ALLOW_THREADS
    kernels.lut3(image->buf, elements(image) / 3, tables->buf, target->buf);
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

/* ---- Time ---- */

static PyObject *accumulate(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    if (expect_arguments("accumulate", n, 4, 4) < 0)
        return NULL;
    const Py_buffer *frame = hold(&views, args[0], (Wanted){"frame", 'H', 0, ANY, {0}});
    if (!frame)
        return finish(&views, 0);
    Wanted wanted = {"ring", 'H', 1, frame->ndim + 1, {0}};
    memcpy(wanted.shape + 1, frame->shape, (size_t)frame->ndim * sizeof *frame->shape);
    const Py_buffer *ring = hold(&views, args[1], wanted);
    const Py_buffer *total = ring ? hold(&views, args[3], alike("total", 'H', 1, frame)) : NULL;
    if (!total)
        return finish(&views, 0);
    const long slot = PyLong_AsLong(args[2]);
    if (PyErr_Occurred())
        return finish(&views, 0);
    if (slot < 0 || slot >= ring->shape[0]) {
        PyErr_Format(PyExc_ValueError, "slot: expected 0 to %zd, found %ld", ring->shape[0] - 1, slot);
        return finish(&views, 0);
    }
    Py_BEGIN_ALLOW_THREADS
    const size_t values = elements(frame);
    kernels.accumulate(frame->buf, values, (uint16_t *)ring->buf + (size_t)slot * values, total->buf);
    Py_END_ALLOW_THREADS
    return finish(&views, 1);
}

static PyObject *noise_floor(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Views views = {.count = 0};
    if (expect_arguments("noise_floor", n, 3, 3) < 0)
        return NULL;
    const Py_buffer *frame = hold(&views, args[0], (Wanted){"frame", 'H', 0, ANY, {0}});
    const Py_buffer *previous = frame ? hold(&views, args[1], alike("previous", 'H', 1, frame)) : NULL;
    const Py_buffer *noise = previous ? hold(&views, args[2], alike("noise", 'H', 1, frame)) : NULL;
    if (!noise)
        return finish(&views, 0);
    Py_BEGIN_ALLOW_THREADS
    kernels.noise_floor(frame->buf, elements(frame), previous->buf, noise->buf);
    Py_END_ALLOW_THREADS
    return finish(&views, 1);
}

/* ---- FrontEnd: the two calls of a frame, with everything but the source borrowed once ---- */

enum { CURVES = 8 };

typedef struct {
    PyObject_HEAD
    Views buffers; /* small, counts, moments, corrected */
    EdgeFormat format;
    Picture agreed; /* size and stride of flat sources */
    Statistics statistics;
    EdgePlan plan;
    int busy, rgb, planar;
    double gammas[CURVES]; /* curves kept by gamma; 0 is free */
    double powers[CURVES][EDGE_LEVELS];
    int next_curve;
} FrontEnd;

enum { SMALL, COUNTS, MOMENTS, CORRECTED };

/* Two threads in one FrontEnd would write the same buffers, and the plan could change under one of them. */
static int enter(FrontEnd *self)
{
    if (self->buffers.count != 4) {
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

static int plan_for(FrontEnd *self, const Picture *picture)
{
    const Py_buffer *small = &self->buffers.view[SMALL];
    if (self->plan.memory && self->plan.height == picture->height && self->plan.width == picture->width)
        return 0;
    if (must_shrink(picture, small, "small") < 0)
        return -1;
    edge_plan_free(&self->plan);
    if (!edge_plan_make(&self->plan, self->format, picture->height, picture->width, (int)small->shape[0],
                        (int)small->shape[1]))
        return 0;
    PyErr_NoMemory();
    return -1;
}

static void measure_frame(const FrontEnd *self, const Picture *picture)
{
    const Py_buffer *small = &self->buffers.view[SMALL];
    uint32_t *counts = self->buffers.view[COUNTS].buf;
    edge_shrink8(&kernels, &self->plan, picture->data, picture->stride, small->buf);
    memset(counts, 0, 3 * EDGE_LEVELS * sizeof *counts);
    kernels.histogram(small->buf, elements(small), 3, counts);
    self->statistics(counts, self->buffers.view[MOMENTS].buf);
}

static int picture_of(const FrontEnd *self, const Py_buffer *view, Picture *picture)
{
    return view->ndim == 1 ? flat_picture(view, self->format, &self->agreed, picture)
                           : shaped_picture(view, "source", self->format, picture);
}

static PyObject *measure(PyObject *object, PyObject *source)
{
    FrontEnd *self = (FrontEnd *)object;
    Views views = {.count = 0};
    Picture picture;
    if (enter(self) < 0)
        return NULL;
    const Py_buffer *view = borrow(&views, source, "source", 'B', 0);
    const int ready = view && picture_of(self, view, &picture) == 0 && plan_for(self, &picture) == 0;
    if (ready) {
        Py_BEGIN_ALLOW_THREADS
        measure_frame(self, &picture);
        Py_END_ALLOW_THREADS
    }
    self->busy = 0;
    return finish(&views, ready);
}

static const double *curve_of(FrontEnd *self, double gamma)
{
    for (int i = 0; i < CURVES; i++)
        if (self->gammas[i] == gamma)
            return self->powers[i];
    const int i = self->next_curve++ % CURVES;
    self->gammas[i] = gamma;
    edge_powers(gamma, self->powers[i]);
    return self->powers[i];
}

static void apply(const FrontEnd *self, const uint8_t *tables, int channels)
{
    const Py_buffer *small = &self->buffers.view[SMALL];
    const size_t pixels = elements(small) / 3;
    uint8_t *target = self->buffers.view[CORRECTED].buf;
    if (self->planar)
        kernels.lut3_planar(small->buf, pixels, tables, target, pixels);
    else if (channels == 3)
        kernels.lut3(small->buf, pixels, tables, target);
    else
        kernels.lut(small->buf, 3 * pixels, tables, target);
    if (self->rgb)
        kernels.swap(target, pixels, target);
}

static void correct_pixels(FrontEnd *self, int minimum, int maximum, double gamma)
{
    uint8_t tables[3 * EDGE_LEVELS];
    edge_gic_table(minimum, maximum, curve_of(self, gamma), tables);
    memcpy(tables + EDGE_LEVELS, tables, EDGE_LEVELS);
    memcpy(tables + 2 * EDGE_LEVELS, tables, EDGE_LEVELS);
    apply(self, tables, 1);
}

static void correct_normalised(FrontEnd *self, double minimum, double maximum, double gamma)
{
    uint8_t tables[3 * EDGE_LEVELS];
    edge_dgam_tables(minimum, maximum, gamma, tables);
    apply(self, tables, 3);
}

static PyObject *correct(PyObject *object, PyObject *const *args, Py_ssize_t n)
{
    FrontEnd *self = (FrontEnd *)object;
    const int pixel = self->statistics == edge_statistics_pixel;
    int low = 0, high = 0;
    double minimum = 0.0, maximum = 0.0, gamma;
    if (expect_arguments("correct", n, 3, 3) < 0 || gamma_of(args[2], &gamma) < 0 ||
        (pixel ? range_of(args, EDGE_LEVELS - 1, &low, &high) : normalised_range_of(args, &minimum, &maximum)) < 0 ||
        enter(self) < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    if (pixel)
        correct_pixels(self, low, high, gamma);
    else
        correct_normalised(self, minimum, maximum, gamma);
    Py_END_ALLOW_THREADS
    self->busy = 0;
    return Py_NewRef(Py_None);
}

/* corrected: [h,w,3] as the small frame, or [3,h,w]. */
static int hold_corrected(FrontEnd *self, PyObject *object)
{
    Views *views = &self->buffers;
    const Py_buffer *small = &views->view[SMALL];
    const Py_buffer *corrected = borrow(views, object, "corrected", 'B', 1);
    if (!corrected)
        return -1;
    const Py_ssize_t *shape = corrected->shape;
    const int interleaved = corrected->ndim == 3 && shape[0] == small->shape[0] && shape[1] == small->shape[1] && shape[2] == 3;
    self->planar = corrected->ndim == 3 && shape[0] == 3 && shape[1] == small->shape[0] && shape[2] == small->shape[1] &&
                   !interleaved;
    if ((interleaved || self->planar) && is_contiguous(corrected) && !(self->planar && self->rgb))
        return 0;
    return shape_error(corrected, "corrected", "[h,w,3] like small, or planes [3,h,w] (not with rgb), C-contiguous");
}

static int agree_on_size(FrontEnd *self, int height, int width, Py_ssize_t stride)
{
    const Py_ssize_t row = (Py_ssize_t)width * packed_bytes(self->format);
    if (!height && !width && !stride)
        return 0;
    if (!sides_fit(self->format, height, width) || (stride && (stride < row || stride > (1 << 20))) ||
        (self->format == EDGE_I420 && stride % 2)) {
        PyErr_Format(PyExc_ValueError, "height, width, stride: expected the size of a %s picture up to 4096x4096 and a "
                                       "stride of at least a row (even for i420), found %dx%d, %zd",
                     FORMATS[self->format], width, height, stride);
        return -1;
    }
    self->agreed = (Picture){NULL, stride ? stride : row, height, width};
    return 0;
}

static int statistics_named(const char *name, Statistics *statistics)
{
    *statistics = !strcmp(name, "dgam") ? edge_statistics_dgam : edge_statistics_pixel;
    if (!strcmp(name, "dgam") || !strcmp(name, "pixel"))
        return 0;
    PyErr_Format(PyExc_ValueError, "statistics: expected pixel or dgam, found '%s'", name);
    return -1;
}

static int initialise(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"small", "counts", "moments", "corrected", "format", "statistics",
                            "rgb",   "height", "width",   "stride",    NULL};
    FrontEnd *self = (FrontEnd *)object;
    PyObject *small, *counts, *moments, *corrected;
    const char *format = "bgr", *statistics = "pixel";
    int height = 0, width = 0;
    Py_ssize_t stride = 0;
    if (self->buffers.count) {
        PyErr_SetString(PyExc_RuntimeError, "FrontEnd: is initialised already; make a new one");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOO|sspiin:FrontEnd", names, &small, &counts, &moments, &corrected,
                                     &format, &statistics, &self->rgb, &height, &width, &stride) ||
        format_named(format, &self->format) < 0 || statistics_named(statistics, &self->statistics) < 0 ||
        agree_on_size(self, height, width, stride) < 0)
        return -1;
    Views *views = &self->buffers;
    if (hold(views, small, (Wanted){"small", 'B', 1, 3, {0, 0, 3}}) &&
        hold(views, counts, (Wanted){"counts", 'I', 1, 2, {3, EDGE_LEVELS}}) &&
        hold(views, moments, (Wanted){"moments", 'd', 1, 1, {5}}) && hold_corrected(self, corrected) == 0)
        return 0;
    drop(views);
    return -1;
}

static PyObject *allocate(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args, (void)kwargs;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return alloc(type, 0); /* zeroed: no buffers, no plan, no curves */
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

/* ---- Module ---- */

#define METHOD(function, text) {#function, (PyCFunction)(void (*)(void))function, METH_FASTCALL, text}

static PyMethodDef front_end_methods[] = {
    {"measure", measure, METH_O, "measure(source)\n\nShrink into small, count into counts, statistics into moments."},
    METHOD(correct, "correct(minimum, maximum, gamma)\n\nThe small frame through the GIC table into corrected."),
    {NULL, NULL, 0, NULL},
};

static PyType_Slot front_end_slots[] = {
    {Py_tp_doc, "FrontEnd(small, counts, moments, corrected, format='bgr', statistics='pixel', rgb=False, height=0, "
                "width=0, stride=0)\n\nA frame's two calls; nothing is allocated per frame."},
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
    ENTRY(histogram), ENTRY(lut),      ENTRY(lut3),      ENTRY(lut3_planar),  ENTRY(swap),
    ENTRY(lut12),     ENTRY(rows16),   ENTRY(rows32),    ENTRY(narrow),       ENTRY(columns8),
    ENTRY(average8),  ENTRY(average16),
    ENTRY(columns16), ENTRY(bgr_from_yuv), ENTRY(bgr_from_grey), ENTRY(accumulate), ENTRY(noise_floor),
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

/* EDGE_NATIVE names the highest level to use; without it, the best of this CPU. */
static int choose_kernels(void)
{
    const char *wanted = getenv("EDGE_NATIVE");
    int best = 0;
    while (edge_level(best + 1))
        best++;
    if (!wanted || !*wanted)
        return edge_kernels(edge_level(best), &kernels);
    if (edge_kernels(wanted, &kernels) == 0)
        return 0;
    PyErr_Format(PyExc_ImportError, "EDGE_NATIVE: this CPU has no level '%s'; its best is '%s', and 'scalar' always runs",
                 wanted, edge_level(best));
    return -1;
}

static PyMethodDef functions[] = {
    METHOD(shrink, "shrink(source, target, format='bgr')"),
    METHOD(histogram, "histogram(image, counts)"),
    METHOD(histogram12, "histogram12(image, counts)"),
    METHOD(statistics, "statistics(counts, result)"),
    METHOD(statistics_dgam, "statistics_dgam(counts, result)"),
    METHOD(running_level, "running_level(counts, fraction, rate, level)"),
    METHOD(gic_table, "gic_table(minimum, maximum, gamma, table)"),
    METHOD(gic_table12, "gic_table12(minimum, maximum, gamma, table)"),
    METHOD(dgam_tables, "dgam_tables(minimum, maximum, gamma, tables)"),
    METHOD(apply_table, "apply_table(image, table, target)"),
    METHOD(apply_tables, "apply_tables(image, tables, target)"),
    METHOD(apply_gain, "apply_gain(image, gain, table, target)"),
    METHOD(accumulate, "accumulate(frame, ring, slot, total)"),
    METHOD(noise_floor, "noise_floor(frame, previous, noise)"),
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
