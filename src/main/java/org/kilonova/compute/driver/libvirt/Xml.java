package org.kilonova.compute.driver.libvirt;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/** Writing and reading small XML documents without ever pasting strings together. */
final class Xml {
  private Xml() {}

  /** An element under construction. */
  static final class Builder {
    private final Element element;

    private Builder(Element element) {
      this.element = element;
    }

    /** A new document's root. */
    static Builder root(String name) {
      Document document = documentBuilder().newDocument();
      Element root = document.createElement(name);
      document.appendChild(root);
      return new Builder(root);
    }

    /** Appends a child and returns it. */
    Builder child(String name) {
      return append(element.getOwnerDocument().createElement(name));
    }

    /** Appends a child of another namespace and returns it. */
    Builder child(String namespace, String qualifiedName) {
      return append(element.getOwnerDocument().createElementNS(namespace, qualifiedName));
    }

    /** Appends a child that holds only text and returns this element. */
    Builder text(String name, Object value) {
      child(name).content(value);
      return this;
    }

    /**
     * Appends an empty child with attributes (name, value, name, value …); returns this element.
     */
    Builder leaf(String name, Object... attributes) {
      child(name).attrs(attributes);
      return this;
    }

    /** Sets attributes: name, value, name, value …; null values are left out. */
    Builder attrs(Object... namesAndValues) {
      for (int i = 0; i < namesAndValues.length; i += 2) {
        if (namesAndValues[i + 1] != null) {
          element.setAttribute((String) namesAndValues[i], legal(namesAndValues[i + 1]));
        }
      }
      return this;
    }

    Builder content(Object text) {
      element.setTextContent(legal(text));
      return this;
    }

    private Builder append(Element child) {
      element.appendChild(child);
      return new Builder(child);
    }

    /** The whole document, indented, without an XML declaration. */
    @Override
    public String toString() {
      try {
        Transformer transformer = TransformerFactory.newDefaultInstance().newTransformer();
        transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
        transformer.setOutputProperty(OutputKeys.INDENT, "yes");
        transformer.setOutputProperty("{http://xml.apache.org/xslt}indent-amount", "2");
        StringWriter text = new StringWriter();
        transformer.transform(new DOMSource(element.getOwnerDocument()), new StreamResult(text));
        return text.toString();
      } catch (TransformerException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /**
   * Parses a document; entities and external references are refused.
   *
   * @throws IllegalArgumentException if it is not well-formed
   */
  static Element parse(String text) {
    try {
      return documentBuilder().parse(new InputSource(new StringReader(text))).getDocumentElement();
    } catch (SAXException e) {
      throw new IllegalArgumentException("not well-formed XML", e);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The child elements with that local name. */
  static List<Element> children(Element parent, String localName) {
    List<Element> found = new ArrayList<>();
    for (Node n = parent.getFirstChild(); n != null; n = n.getNextSibling()) {
      if (n instanceof Element e && e.getLocalName().equals(localName)) {
        found.add(e);
      }
    }
    return found;
  }

  /** The first such child's attribute, or null. */
  static String attribute(Element parent, String localName, String attribute) {
    List<Element> found = children(parent, localName);
    return found.isEmpty() ? null : blankToNull(found.getFirst().getAttribute(attribute));
  }

  /** The first such child's text, or null. */
  static String text(Element parent, String localName) {
    List<Element> found = children(parent, localName);
    return found.isEmpty() ? null : blankToNull(found.getFirst().getTextContent().strip());
  }

  static String blankToNull(String text) {
    return text == null || text.isEmpty() ? null : text;
  }

  /** XML 1.0 has no way to write most control characters: they become the replacement character. */
  private static String legal(Object value) {
    StringBuilder kept = new StringBuilder();
    value.toString().codePoints().map(c -> isLegal(c) ? c : 0xFFFD).forEach(kept::appendCodePoint);
    return kept.toString();
  }

  private static boolean isLegal(int c) {
    return c == '\t'
        || c == '\n'
        || c == '\r'
        || (c >= 0x20 && c <= 0xD7FF)
        || (c >= 0xE000 && c <= 0xFFFD)
        || (c >= 0x10000 && c <= 0x10FFFF);
  }

  private static DocumentBuilder documentBuilder() {
    try {
      DocumentBuilderFactory factory = DocumentBuilderFactory.newDefaultNSInstance();
      factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
      factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
      factory.setXIncludeAware(false);
      DocumentBuilder builder = factory.newDocumentBuilder();
      builder.setErrorHandler(null);
      return builder;
    } catch (ParserConfigurationException e) {
      throw new IllegalStateException(e);
    }
  }
}
