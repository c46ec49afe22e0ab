"""ILSVRC's annotation of one image, as XML in the manner of PASCAL VOC."""

from xml.etree import ElementTree

from wsol_bench.geometry import Boxes, Size


def annotation_xml(image_id: str, split: str, wnid: str, size: Size, boxes: Boxes) -> str:
    """Writes the content of an annotation file of ILSVRC's CLS-LOC.

    Args:
        image_id: the file's name without its extension.
        split: name of the image's folder.
        wnid: class of all the boxes.
        size: of the image, in pixels.
        boxes: (m, 4) half-open xyxy. ILSVRC's are 0-based and inclusive, so
            that 1 is taken off the right and lower sides here.
    """
    root = ElementTree.Element("annotation")
    _add(root, "folder", split)
    _add(root, "filename", image_id)
    _add(ElementTree.SubElement(root, "source"), "database", "wsol_bench demo")
    extent = ElementTree.SubElement(root, "size")
    _add(extent, "width", size.width)
    _add(extent, "height", size.height)
    _add(extent, "depth", 3)
    _add(root, "segmented", 0)
    for x0, y0, x1, y1 in boxes.astype(int).tolist():
        item = ElementTree.SubElement(root, "object")
        _add(item, "name", wnid)
        _add(item, "pose", "Unspecified")
        _add(item, "truncated", 0)
        _add(item, "difficult", 0)
        corners = ElementTree.SubElement(item, "bndbox")
        _add(corners, "xmin", x0)
        _add(corners, "ymin", y0)
        _add(corners, "xmax", x1 - 1)
        _add(corners, "ymax", y1 - 1)
    ElementTree.indent(root, "\t")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _add(parent: ElementTree.Element, name: str, value: str | int) -> None:
    ElementTree.SubElement(parent, name).text = str(value)
