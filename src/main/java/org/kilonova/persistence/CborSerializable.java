package org.kilonova.persistence;

/**
 * Marks what crosses a node or reaches the journal: serialised as CBOR by Akka's Jackson module
 * (application.conf binds it). The manifest is the class name, so moving or renaming a marked class
 * that was ever persisted is a schema change and needs a migration.
 */
public interface CborSerializable {}
