"""Light inside circles and ellipses, with the exact share of every pixel that the edge cuts."""

import numpy as np

from morphovote.measure.compiled import compiled

# Half the diagonal of a pixel, rounded up.
CORNER = 0.7072


@compiled
def circle_share(dx: float, dy: float, radius: float) -> float:
    """Share of a pixel, its middle at (dx, dy) from the centre, inside a circle (px)."""
    # By symmetry in the first quadrant; a pixel on an axis is cut there.
    dx, dy = abs(dx), abs(dy)
    left, right, low, high = dx - 0.5, dx + 0.5, dy - 0.5, dy + 0.5
    area = _quadrant(max(left, 0.0), right, max(low, 0.0), high, radius)
    if left < 0:
        area += _quadrant(0.0, -left, max(low, 0.0), high, radius)
    if low < 0:
        area += _quadrant(max(left, 0.0), right, 0.0, -low, radius)
        if left < 0:
            area += _quadrant(0.0, -left, 0.0, -low, radius)
    return area


@compiled
def _quadrant(left: float, right: float, low: float, high: float, radius: float) -> float:
    """Area of a rectangle of the first quadrant inside a circle about the origin."""
    square = radius * radius
    if left * left + low * low >= square:
        return 0.0
    if right * right + high * high <= square:
        return (right - left) * (high - low)
    # Up to `full` the arc runs above the rectangle, from `ends` on below it.
    full = left
    if radius > high:
        full = min(max(np.sqrt(square - high * high), left), right)
    ends = min(max(np.sqrt(max(square - low * low, 0.0)), left), right)
    under = _under_arc(ends, radius) - _under_arc(full, radius)
    return (full - left) * (high - low) + under - low * (ends - full)


@compiled
def _under_arc(x: float, radius: float) -> float:
    x = min(x, radius)
    return 0.5 * (x * np.sqrt(radius * radius - x * x) + radius * radius * np.arcsin(x / radius))


@compiled
def _edge_area(px: float, py: float, qx: float, qy: float, radius: float) -> float:
    """Signed area of a circle about the origin inside the triangle of the origin, p and q."""
    dx, dy = qx - px, qy - py
    a, b = dx * dx + dy * dy, px * dx + py * dy
    root = b * b - a * (px * px + py * py - radius * radius)
    half = 0.5 * radius * radius
    if root <= 0:
        return half * np.arctan2(px * qy - py * qx, px * qx + py * qy)
    root = np.sqrt(root)
    first, last = (-b - root) / a, (-b + root) / a
    if first >= 1 or last <= 0:
        return half * np.arctan2(px * qy - py * qx, px * qx + py * qy)
    ex, ey, fx, fy, area = px, py, qx, qy, 0.0
    if first > 0:
        ex, ey = px + first * dx, py + first * dy
        area += half * np.arctan2(px * ey - py * ex, px * ex + py * ey)
    if last < 1:
        fx, fy = px + last * dx, py + last * dy
        area += half * np.arctan2(fx * qy - fy * qx, fx * qx + fy * qy)
    return area + 0.5 * (ex * fy - ey * fx)


@compiled
def rings(
    image: np.ndarray, hidden: np.ndarray, x: float, y: float, elongation: float, angle: float
) -> tuple:
    """Sort the pixels of an image by their distance from a centre, for `light_within`.

    Parameters
    ----------
    image : ndarray of float64
        Shape (height, width), zero where hidden.
    hidden : ndarray of bool
        Pixels that do not count in the area.
    x, y : float
        Centre (px).
    elongation, angle : float
        Major over minor axis of the ellipses, and the major axis's angle from x towards y (rad).

    Returns
    -------
    tuple
        start of each ring of width 1 px (along the major axis) among the pixels; the pixels,
        (N, 4): place in the frame in which the ellipses are circles, light, 1 if not hidden; light
        and area of all rings inside each; elongation; cosine and sine of the angle.
    """
    height, width = image.shape
    cos, sin = np.cos(angle), np.sin(angle)
    far = 0.0
    for row in (0, height - 1):
        for column in (0, width - 1):
            dx, dy = column - x, row - y
            far = max(far, np.hypot(dx * cos + dy * sin, elongation * (dy * cos - dx * sin)))
    count = int(far) + 2
    start = np.zeros(count + 1, np.int64)
    ring = np.empty((height, width), np.int64)
    for row in range(height):
        for column in range(width):
            dx, dy = column - x, row - y
            u, v = dx * cos + dy * sin, elongation * (dy * cos - dx * sin)
            number = int(np.sqrt(u * u + v * v))
            ring[row, column] = number
            start[number + 1] += 1
    light, area = np.zeros(count + 1), np.zeros(count + 1)
    for number in range(count):
        start[number + 1] += start[number]
    pixels = np.empty((height * width, 4))
    place = start[:-1].copy()
    for row in range(height):
        for column in range(width):
            dx, dy = column - x, row - y
            number = ring[row, column]
            at = place[number]
            place[number] += 1
            pixels[at, 0] = dx * cos + dy * sin
            pixels[at, 1] = elongation * (dy * cos - dx * sin)
            pixels[at, 2] = image[row, column]
            pixels[at, 3] = 0.0 if hidden[row, column] else 1.0
            light[number + 1] += pixels[at, 2]
            area[number + 1] += pixels[at, 3]
    for number in range(count):
        light[number + 1] += light[number]
        area[number + 1] += area[number]
    return start, pixels, light, area, elongation, cos, sin


@compiled
def light_within(pixels_by_ring: tuple, radius: float) -> tuple[float, float]:
    """Light and area (px, nothing hidden) inside an ellipse, by its semi-major axis (px)."""
    start, pixels, light, area, elongation, cos, sin = pixels_by_ring
    if radius <= 0:
        return 0.0, 0.0
    reach, count = CORNER * elongation, len(start) - 1
    inner = min(max(int(np.floor(radius - reach)), 0), count)
    outer = min(int(np.floor(radius + reach)) + 1, count)
    total, seen = light[inner], area[inner]
    # A pixel's corners, in the frame in which the ellipse is a circle.
    ax, ay = 0.5 * cos, -0.5 * sin * elongation
    bx, by = 0.5 * sin, 0.5 * cos * elongation
    for at in range(start[inner], start[outer]):
        u, v = pixels[at, 0], pixels[at, 1]
        distance = np.sqrt(u * u + v * v)
        if distance >= radius + reach:
            continue
        if distance <= radius - reach:
            share = 1.0
        elif elongation == 1.0:
            share = circle_share(u * cos - v * sin, u * sin + v * cos, radius)
        else:
            px, py, qx, qy = u - ax - bx, v - ay - by, u + ax - bx, v + ay - by
            rx, ry, sx, sy = u + ax + bx, v + ay + by, u - ax + bx, v - ay + by
            share = _edge_area(px, py, qx, qy, radius) + _edge_area(qx, qy, rx, ry, radius)
            share += _edge_area(rx, ry, sx, sy, radius) + _edge_area(sx, sy, px, py, radius)
            share /= elongation
        total += share * pixels[at, 2]
        seen += share * pixels[at, 3]
    return total, seen
