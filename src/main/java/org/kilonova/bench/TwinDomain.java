package org.kilonova.bench;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/**
 * Another domain of the same kind: a name, a uuid, an address, a console and disks of its own, and
 * no mark by which Kilonova would take it for one of its own.
 *
 * @param xml for {@code virsh create}
 * @param disks that have to be made first
 */
record TwinDomain(String xml, List<Disk> disks) {
  /**
   * An overlay, as empty as the original was before its guest wrote to it.
   *
   * @param original the overlay of the other domain, which says how large it has to be
   */
  record Disk(Path file, Path backing, String backingFormat, Path original) {}

  /** Where a domain's serial console is logged. */
  static Path console(String xml) {
    return Path.of(
        elements(parse(xml).getDocumentElement(), "log").getFirst().getAttribute("file"));
  }

  /**
   * The twin of a domain.
   *
   * @param directory of the twin's files
   * @throws BenchException if a writable disk is no overlay
   */
  static TwinDomain of(String xml, String id, Path directory) {
    Element domain = parse(xml).getDocumentElement();
    String original = elements(domain, "uuid").getFirst().getTextContent();
    elements(domain, "metadata").forEach(each -> each.getParentNode().removeChild(each));
    elements(domain, "name").forEach(each -> each.setTextContent("bench-" + id));
    elements(domain, "uuid").forEach(each -> each.setTextContent(id));
    // the BIOS says the uuid too
    elements(domain, "entry").stream()
        .filter(each -> each.getTextContent().equals(original))
        .forEach(each -> each.setTextContent(id));
    for (Element card : elements(domain, "interface")) {
      elements(card, "mac")
          .forEach(
              mac ->
                  mac.setAttribute(
                      "address", "52:54:00:" + id.replaceFirst("(..)(..)(..).*", "$1:$2:$3")));
      elements(card, "target").forEach(card::removeChild);
    }
    elements(domain, "log")
        .forEach(log -> log.setAttribute("file", directory.resolve("console.log").toString()));
    List<Disk> disks = new ArrayList<>();
    for (Element disk : elements(domain, "disk")) {
      if (elements(disk, "readonly").isEmpty()) {
        disks.add(overlay(disk, directory));
      }
    }
    return new TwinDomain(text(domain), List.copyOf(disks));
  }

  private static Disk overlay(Element disk, Path directory) {
    // in the order of the document: the disk's own file comes before its backing file
    List<Element> sources = elements(disk, "source");
    if (sources.size() != 2) {
      throw new BenchException(
          "a disk of the guest is no overlay of one other file: " + text(disk));
    }
    Path original = Path.of(sources.getFirst().getAttribute("file"));
    Path copy = directory.resolve(original.getFileName());
    sources.getFirst().setAttribute("file", copy.toString());
    return new Disk(
        copy,
        Path.of(sources.getLast().getAttribute("file")),
        elements(disk, "format").getFirst().getAttribute("type"),
        original);
  }

  private static List<Element> elements(Element parent, String name) {
    NodeList found = parent.getElementsByTagName(name);
    List<Element> elements = new ArrayList<>();
    for (int i = 0; i < found.getLength(); i++) {
      elements.add((Element) found.item(i));
    }
    return elements;
  }

  private static Document parse(String xml) {
    try {
      return DocumentBuilderFactory.newInstance()
          .newDocumentBuilder()
          .parse(new InputSource(new StringReader(xml)));
    } catch (ParserConfigurationException | SAXException | IOException e) {
      throw new BenchException("this is no domain: " + xml, e);
    }
  }

  private static String text(Element element) {
    StringWriter text = new StringWriter();
    try {
      TransformerFactory.newInstance()
          .newTransformer()
          .transform(new DOMSource(element), new StreamResult(text));
    } catch (TransformerException e) {
      throw new IllegalStateException(e);
    }
    return text.toString();
  }
}
