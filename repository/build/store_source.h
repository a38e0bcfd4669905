// A store as a source of certificates, as an extract is one. Private to this room.
#pragma once

#include <string>

#include "repository/build/examine.h"
#include "repository/store/reader.h"

namespace smki::repository {

// Submits every certificate of `store` to `pipeline`, examined as file `file` of the account, in the order of the
// bodies. `scratch` and `memory` as StoreReader::VisitBodies. STORE_DAMAGED if an entry does not agree with its
// certificate. `store` and `examiner` must outlive the pipeline's work.
Status SubmitStore(const StoreReader& store, const std::string& scratch, size_t memory, uint16_t file,
                   const Examiner& examiner, Pipeline& pipeline);

}  // namespace smki::repository
