// Key ceremonies: new Root and Issuing OCA, recovery and contingency material, each from one reviewed file
// (procedures/key_ceremony.h, docs/formats/key-ceremony.md). Held where the tokens are, before witnesses; never by the
// keyguard, and nothing of it needs a network.
//
// What a ceremony made is in its own folder and never written over: a ceremony that was cut short leaves a folder
// without transcript, and is held again under another name.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "pki/key.h"
#include "procedures/key_ceremony.h"
#include "procedures/policy.h"

namespace smki::hsm {

// Where things are at this site.
struct CeremonySite {
  std::string policy;   // trust policy
  std::string results;  // folder; each ceremony has one of its id in it
  std::string module;   // PKCS#11
  std::string authorities_config, authorities_pins;
  std::string keyguard_config;
};
// Relative paths are taken from the file's own folder. Errors "FILE:LINE:COLUMN: expected ...".
StatusOr<CeremonySite> ReadCeremonySite(FileSystem& files, const std::string& path);

struct CeremonyResult {
  std::string folder;
  procedures::KeyCeremonyTranscript transcript;
};

// Holds the ceremony of the reviewed file: makes tokens and keys, certifies, splits secrets among custodians, writes
// every result, reads each again and holds it against its profile, and writes the transcript last. kAlreadyExists if
// the folder or a token of that name is there: nothing has changed then.
StatusOr<CeremonyResult> HoldKeyCeremony(const CeremonySite& site, const std::string& reviewed_file, FileSystem& files,
                                         Clock& clock, Random& random);

// A witness signs the transcript of ceremony `id`, after every result was held against it once more. Returns the file.
StatusOr<std::string> SignKeyCeremony(const CeremonySite& site, const std::string& id, const std::string& person,
                                      pki::Signer& key, const std::string& certificate_file, FileSystem& files,
                                      Clock& clock);

// CEREMONY_OUTPUT_WRONG unless every result is as the transcript says.
StatusOr<CeremonyResult> ReadKeyCeremony(const CeremonySite& site, const std::string& id, FileSystem& files);

}  // namespace smki::hsm
