/* edge._native: the C core for Python. Checks every argument, releases the GIL, calls the kernels; no arithmetic here.
 *
 * Limited API of Python 3.10, one wheel for all later versions.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(Py_LIMITED_API) && Py_LIMITED_API + 0 < 0x030B0000
/* The buffer protocol entered the limited API with 3.11, but its layout and functions have been the same since 3.3. */
typedef struct {
    void *buf;
    PyObject *obj;
    Py_ssize_t len, itemsize;
    int readonly, ndim;
    char *format;
    Py_ssize_t *shape, *strides, *suboffsets;
    void *internal;
} Py_buffer;
PyAPI_FUNC(int) PyObject_GetBuffer(PyObject *object, Py_buffer *view, int flags);
PyAPI_FUNC(void) PyBuffer_Release(Py_buffer *view);
#define PyBUF_FORMAT 0x0004
#define PyBUF_STRIDES (0x0010 | 0x0008)
#endif

static EdgeKernels kernels;

/* ---- Arguments ---- */

typedef struct {
    const char *name; /* as the caller knows it */
    char type;        /* struct letter: B uint8, H uint16, I uint32, f float32, d float64 */
    int writable;
} Wanted;

static const char *type_name(char type)
{
    return type == 'B' ? "uint8" : type == 'H' ? "uint16" : type == 'I' ? "uint32" : type == 'f' ? "float32" : "float64";
}

static int acquire(PyObject *object, Py_buffer *view, Wanted wanted)
{
    if (PyObject_GetBuffer(object, view, PyBUF_STRIDES | PyBUF_FORMAT) < 0) {
        PyErr_Clear();
        PyErr_Format(PyExc_TypeError, "%s: expected an array of %s, found %R; pass a NumPy array or a buffer", wanted.name,
                     type_name(wanted.type), (PyObject *)Py_TYPE(object));
        return -1;
    }
    const char *format = view->format ? view->format : "B";
    format += *format == '@' || *format == '=' || *format == '<';
    if (format[0] != wanted.type || format[1])
        PyErr_Format(PyExc_TypeError, "%s: expected dtype %s, found format '%s'", wanted.name, type_name(wanted.type),
                     view->format ? view->format : "B");
    else if (wanted.writable && view->readonly)
        PyErr_Format(PyExc_ValueError, "%s: is read-only, but results are written there; pass a writable array",
                     wanted.name);
    else
        return 0;
    PyBuffer_Release(view);
    return -1;
}

static int is_contiguous(const Py_buffer *view)
{
    Py_ssize_t expected = view->itemsize;
    for (int i = view->ndim - 1; i >= 0; i--) {
        if (view->shape[i] > 1 && view->strides[i] != expected)
            return 0;
        expected *= view->shape[i];
    }
    return 1;
}

static int must_be_contiguous(const Py_buffer *view, const char *name)
{
    if (is_contiguous(view))
        return 0;
    PyErr_Format(PyExc_ValueError, "%s: expected C-contiguous memory; pass numpy.ascontiguousarray(%s)", name, name);
    return -1;
}

static void describe(const Py_buffer *view, char text[64])
{
    int at = snprintf(text, 64, "[");
    for (int i = 0; i < view->ndim && at < 48; i++)
        at += snprintf(text + at, 64 - (size_t)at, i ? ",%lld" : "%lld", (long long)view->shape[i]);
    snprintf(text + at, 64 - (size_t)at, "]");
}

static int shape_error(const Py_buffer *view, const char *name, const char *expected)
{
    char found[64];
    describe(view, found);
    PyErr_Format(PyExc_ValueError, "%s: expected shape %s, found %s", name, expected, found);
    return -1;
}

/* Contiguous, and of as many values as `expected` says. */
static int must_hold(const Py_buffer *view, const char *name, Py_ssize_t count, const char *expected)
{
    if (view->len / view->itemsize != count)
        return shape_error(view, name, expected);
    return must_be_contiguous(view, name);
}

static int acquire_exact(PyObject *object, Py_buffer *view, Wanted wanted, Py_ssize_t count, const char *expected)
{
    if (acquire(object, view, wanted) < 0)
        return -1;
    if (must_hold(view, wanted.name, count, expected) == 0)
        return 0;
    PyBuffer_Release(view);
    return -1;
}

static int must_be_small_frame(const Py_buffer *view, const char *name)
{
    if (view->ndim != 3 || view->shape[2] != 3 || view->shape[0] < 1 || view->shape[1] < 1)
        return shape_error(view, name, "[height,width,3]");
    if (view->shape[0] > EDGE_MAX_SIDE || view->shape[1] > EDGE_MAX_SIDE)
        return shape_error(view, name, "[height,width,3] with sides up to 4096");
    return must_be_contiguous(view, name);
}

static int expect_arguments(const char *function, Py_ssize_t found, Py_ssize_t least, Py_ssize_t most)
{
    if (found >= least && found <= most)
        return 0;
    PyErr_Format(PyExc_TypeError, "%s: expected %zd to %zd arguments, found %zd", function, least, most, found);
    return -1;
}

/* ---- Sources ---- */

static const char *const FORMATS[EDGE_FORMATS] = {"bgr", "rgb", "grey", "yuyv", "uyvy", "nv12", "i420"};

static int format_of(PyObject *object, EdgeFormat *format)
{
    const char *name = object ? PyUnicode_AsUTF8AndSize(object, NULL) : "bgr";
    if (!name)
        return -1;
    for (int i = 0; i < EDGE_FORMATS; i++)
        if (!strcmp(name, FORMATS[i])) {
            *format = (EdgeFormat)i;
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "format: expected bgr, rgb, grey, yuyv, uyvy, nv12 or i420, found '%s'", name);
    return -1;
}

typedef struct {
    const uint8_t *data;
    ptrdiff_t stride;
    int height, width;
} Picture;

static int packed_bytes(EdgeFormat format)
{
    return format <= EDGE_RGB ? 3 : format == EDGE_YUYV || format == EDGE_UYVY ? 2 : 1;
}

static int is_planar(EdgeFormat format)
{
    return format == EDGE_NV12 || format == EDGE_I420;
}

static const char *source_shape(EdgeFormat format)
{
    return format <= EDGE_RGB      ? "[height,width,3]"
           : format == EDGE_GREY   ? "[height,width]"
           : is_planar(format)     ? "[height*3/2,width], both even"
                                   : "[height,width,2], width even";
}

static int sides_fit(EdgeFormat format, Py_ssize_t height, Py_ssize_t width)
{
    if (height < 1 || width < 1 || height > EDGE_MAX_SIDE || width > EDGE_MAX_SIDE)
        return 0;
    return (format < EDGE_YUYV || width % 2 == 0) && (!is_planar(format) || height % 2 == 0);
}

/* A picture whose shape says its size; rows may lie any distance apart, pixels of a row may not. */
static int shaped_picture(const Py_buffer *view, EdgeFormat format, Picture *picture)
{
    const int bytes = packed_bytes(format), ndim = bytes == 1 ? 2 : 3;
    if (view->ndim != ndim || (ndim == 3 && view->shape[2] != bytes) || (is_planar(format) && view->shape[0] % 3))
        return shape_error(view, "source", source_shape(format));
    const Py_ssize_t height = is_planar(format) ? view->shape[0] / 3 * 2 : view->shape[0], width = view->shape[1];
    if (!sides_fit(format, height, width))
        return shape_error(view, "source", source_shape(format));
    if (view->strides[1] != bytes || (ndim == 3 && view->strides[2] != 1) ||
        (format == EDGE_I420 && !is_contiguous(view))) {
        PyErr_SetString(PyExc_ValueError, "source: expected the pixels of a row next to each other (and all of i420 "
                                          "without gaps); pass numpy.ascontiguousarray(source)");
        return -1;
    }
    *picture = (Picture){view->buf, view->strides[0], (int)height, (int)width};
    return 0;
}

/* Bytes as a driver fills them: no shape, so size and stride were agreed on before. */
static int flat_picture(const Py_buffer *view, EdgeFormat format, const Picture *agreed, Picture *picture)
{
    const Py_ssize_t stride = agreed->stride, row = (Py_ssize_t)agreed->width * packed_bytes(format);
    Py_ssize_t needed = stride * (agreed->height - 1) + row;
    if (format == EDGE_NV12)
        needed += stride * (agreed->height / 2);
    if (format == EDGE_I420)
        needed = stride * agreed->height + stride / 2 * (agreed->height - 1) + agreed->width / 2;
    if (agreed->height < 1) {
        PyErr_SetString(PyExc_ValueError, "source: flat bytes have no shape; give height, width (and stride) first");
        return -1;
    }
    if (!is_contiguous(view) || view->len < needed) {
        PyErr_Format(PyExc_ValueError, "source: expected at least %zd contiguous bytes (%s %dx%d, stride %zd), found %zd",
                     needed, FORMATS[format], agreed->width, agreed->height, stride, view->len);
        return -1;
    }
    *picture = *agreed;
    picture->data = view->buf;
    return 0;
}

static int must_not_grow(const Picture *picture, int height, int width)
{
    if (height <= picture->height && width <= picture->width)
        return 0;
    PyErr_Format(PyExc_ValueError, "target: expected a size within the source's %dx%d, found %dx%d; shrink only shrinks",
                 picture->width, picture->height, width, height);
    return -1;
}

/* ---- Functions ---- */

PyDoc_STRVAR(shrink_doc, "shrink(source, target, format='bgr')\n\n"
                         "Area average of the whole picture. target: uint8 [h,w,3] BGR, or uint16 in sixteenths.");

static PyObject *shrink(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Py_buffer source, target;
    Picture picture;
    EdgeFormat format;
    EdgePlan plan;
    PyObject *result = NULL;
    if (expect_arguments("shrink", n, 2, 3) < 0 || format_of(n > 2 ? args[2] : NULL, &format) < 0 ||
        acquire(args[0], &source, (Wanted){"source", 'B', 0}) < 0)
        return NULL;
    if (shaped_picture(&source, format, &picture) < 0)
        goto release_source;
    const int deep = acquire(args[1], &target, (Wanted){"target", 'H', 1}) == 0;
    if (!deep) {
        PyErr_Clear();
        if (acquire(args[1], &target, (Wanted){"target", 'B', 1}) < 0)
            goto release_source;
    }
    if (must_be_small_frame(&target, "target") < 0)
        goto release_target;
    const int height = (int)target.shape[0], width = (int)target.shape[1];
    if (must_not_grow(&picture, height, width) < 0)
        goto release_target;
    if (edge_plan_make(&plan, format, picture.height, picture.width, height, width) < 0) {
        PyErr_NoMemory();
        goto release_target;
    }
    Py_BEGIN_ALLOW_THREADS
    if (deep)
        edge_shrink12(&kernels, &plan, picture.data, picture.stride, target.buf);
    else
        edge_shrink8(&kernels, &plan, picture.data, picture.stride, target.buf);
    Py_END_ALLOW_THREADS
    edge_plan_free(&plan);
    result = Py_NewRef(Py_None);
release_target:
    PyBuffer_Release(&target);
release_source:
    PyBuffer_Release(&source);
    return result;
}

PyDoc_STRVAR(histogram_doc, "histogram(image, counts)\n\n"
                            "uint8 [h,w,3] -> uint32 [3,256]; rows may lie any distance apart.");

static PyObject *histogram(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Py_buffer counts;
    Py_buffer image;
    Picture picture;
    PyObject *result = NULL;
    if (expect_arguments("histogram", n, 2, 2) < 0 || acquire(args[0], &image, (Wanted){"image", 'B', 0}) < 0)
        return NULL;
    if (shaped_picture(&image, EDGE_BGR, &picture) < 0)
        goto release_image;
    if (acquire_exact(args[1], &counts, (Wanted){"counts", 'I', 1}, 3 * EDGE_LEVELS, "[3,256]") < 0)
        goto release_image;
    const size_t row = 3 * (size_t)picture.width;
    Py_BEGIN_ALLOW_THREADS
    memset(counts.buf, 0, 3 * EDGE_LEVELS * sizeof(uint32_t));
    if (picture.stride == (ptrdiff_t)row)
        kernels.histogram(picture.data, row * (size_t)picture.height, 3, counts.buf);
    else
        for (int y = 0; y < picture.height; y++)
            kernels.histogram(picture.data + y * picture.stride, row, 3, counts.buf);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&counts);
    result = Py_NewRef(Py_None);
release_image:
    PyBuffer_Release(&image);
    return result;
}

static PyObject *statistics_by(PyObject *const *args, Py_ssize_t n, const char *name,
                               void (*compute)(const uint32_t *, double *))
{
    Py_buffer counts, result;
    if (expect_arguments(name, n, 2, 2) < 0 ||
        acquire_exact(args[0], &counts, (Wanted){"counts", 'I', 0}, 3 * EDGE_LEVELS, "[3,256]") < 0)
        return NULL;
    if (acquire_exact(args[1], &result, (Wanted){"result", 'd', 1}, 5, "[5]") < 0) {
        PyBuffer_Release(&counts);
        return NULL;
    }
    const uint32_t *bins = counts.buf;
    uint32_t any = 0;
    for (int k = 0; k < 3 * EDGE_LEVELS; k++)
        any |= bins[k];
    if (any) {
        Py_BEGIN_ALLOW_THREADS
        compute(bins, result.buf);
        Py_END_ALLOW_THREADS
    } else {
        PyErr_SetString(PyExc_ValueError, "counts: expected the histogram of a picture, found all zeros");
    }
    PyBuffer_Release(&result);
    PyBuffer_Release(&counts);
    return any ? Py_NewRef(Py_None) : NULL;
}

PyDoc_STRVAR(statistics_doc, "statistics(counts, result)\n\n"
                             "uint32 [3,256] -> float64 [5]: mean, std, entropy, minimum, maximum, `pixel` convention.");

static PyObject *statistics(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    return statistics_by(args, n, "statistics", edge_statistics_pixel);
}

PyDoc_STRVAR(statistics_dgam_doc, "statistics_dgam(counts, result)\n\n"
                                  "As `statistics`, on normalised values: what the released DGAM code computes.");

static PyObject *statistics_dgam(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    return statistics_by(args, n, "statistics_dgam", edge_statistics_dgam);
}

static int gamma_of(PyObject *object, double *gamma)
{
    *gamma = PyFloat_AsDouble(object);
    if (*gamma == -1.0 && PyErr_Occurred())
        return -1;
    if (*gamma > 0.0 && isfinite(*gamma))
        return 0;
    PyErr_Format(PyExc_ValueError, "gamma: expected a finite number above 0, found %R", object);
    return -1;
}

static int range_of(PyObject *const *args, int *minimum, int *maximum)
{
    const long low = PyLong_AsLong(args[0]), high = PyLong_AsLong(args[1]);
    if (PyErr_Occurred())
        return -1;
    if (low < 0 || high < low || high >= EDGE_LEVELS) {
        PyErr_Format(PyExc_ValueError, "minimum, maximum: expected 0 <= minimum <= maximum <= 255, found %ld, %ld", low,
                     high);
        return -1;
    }
    *minimum = (int)low;
    *maximum = (int)high;
    return 0;
}

PyDoc_STRVAR(gic_table_doc, "gic_table(minimum, maximum, gamma, table)\n\n"
                            "Gamma intensity correction (ELLAR paper, eq. 6) as a table: uint8 [256].");

static PyObject *gic_table(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Py_buffer table;
    int minimum, maximum;
    double gamma, powers[EDGE_LEVELS];
    if (expect_arguments("gic_table", n, 4, 4) < 0 || range_of(args, &minimum, &maximum) < 0 ||
        gamma_of(args[2], &gamma) < 0 ||
        acquire_exact(args[3], &table, (Wanted){"table", 'B', 1}, EDGE_LEVELS, "[256]") < 0)
        return NULL;
    edge_powers(gamma, powers);
    edge_gic_table(minimum, maximum, powers, table.buf);
    PyBuffer_Release(&table);
    return Py_NewRef(Py_None);
}

PyDoc_STRVAR(apply_table_doc, "apply_table(image, table, target)\n\n"
                              "target = table[image]; uint8 of one shape, table uint8 [256].");

static PyObject *apply_table(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    Py_buffer image, table, target;
    PyObject *result = NULL;
    if (expect_arguments("apply_table", n, 3, 3) < 0 || acquire(args[0], &image, (Wanted){"image", 'B', 0}) < 0)
        return NULL;
    if (must_be_contiguous(&image, "image") < 0 ||
        acquire_exact(args[1], &table, (Wanted){"table", 'B', 0}, EDGE_LEVELS, "[256]") < 0)
        goto release_image;
    if (acquire_exact(args[2], &target, (Wanted){"target", 'B', 1}, image.len, "of the image") < 0)
        goto release_table;
    Py_BEGIN_ALLOW_THREADS
    kernels.lut(image.buf, (size_t)image.len, table.buf, target.buf);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&target);
    result = Py_NewRef(Py_None);
release_table:
    PyBuffer_Release(&table);
release_image:
    PyBuffer_Release(&image);
    return result;
}

/* ---- Module ---- */

PyDoc_STRVAR(kernels_doc, "kernels()\n\nWhich CPU level runs every kernel: {'histogram': 'avx2', ...}.");

/* A kernel belongs to the first level that offers it: later levels inherit what they do not override. */
static PyObject *running_kernels(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self, (void)args;
    if (expect_arguments("kernels", n, 0, 0) < 0)
        return NULL;
    static const struct {
        const char *name;
        size_t offset;
    } entries[] = {
#define ENTRY(field) {#field, offsetof(EdgeKernels, field)}
        ENTRY(histogram), ENTRY(lut),      ENTRY(lut3),         ENTRY(lut3_planar),   ENTRY(swap),
        ENTRY(lut12),     ENTRY(rows16),   ENTRY(rows32),       ENTRY(narrow),        ENTRY(columns8),
        ENTRY(columns16), ENTRY(accumulate), ENTRY(bgr_from_yuv), ENTRY(bgr_from_grey), ENTRY(noise_floor),
#undef ENTRY
    };
    PyObject *running = PyDict_New();
    for (size_t i = 0; running && i < sizeof entries / sizeof *entries; i++) {
        const char *level = NULL;
        for (int l = 0; !level && edge_level(l); l++) {
            EdgeKernels candidate;
            edge_kernels(edge_level(l), &candidate);
            if (!memcmp((char *)&candidate + entries[i].offset, (char *)&kernels + entries[i].offset, sizeof(void *)))
                level = edge_level(l);
        }
        PyObject *text = PyUnicode_FromString(level ? level : "unknown");
        if (!text || PyDict_SetItemString(running, entries[i].name, text) < 0)
            Py_CLEAR(running);
        Py_XDECREF(text);
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

#define METHOD(name, function) {#name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, function##_doc}
static PyMethodDef methods[] = {
    METHOD(shrink, shrink),
    METHOD(histogram, histogram),
    METHOD(statistics, statistics),
    METHOD(statistics_dgam, statistics_dgam),
    METHOD(gic_table, gic_table),
    METHOD(apply_table, apply_table),
    {"kernels", (PyCFunction)(void (*)(void))running_kernels, METH_FASTCALL, kernels_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "edge._native", "The frame's arithmetic in C; see edge/reference.py for what each call means.",
    -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return choose_kernels() < 0 ? NULL : PyModule_Create(&definition);
}
