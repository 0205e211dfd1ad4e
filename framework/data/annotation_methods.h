#pragma once

#include "framework/data/sample.h"

/// The methods behind annotations(), one function a field. Nobody outside framework/data includes this.
namespace affinis::data::methods {

/// Greatest determinant of the Hessian over ten scales, normalised by scale (Lindeberg 1998; SURF: Bay et al. 2006). Needs rgb.
FieldValue keypoints2d(const Sample& sample);

/// Interest of NARF (Steder et al. 2011, sections III and IV) on the range image. Needs camera and depth_euclidean.
FieldValue keypoints3d(const Sample& sample);

/// Graph segmentation (Felzenszwalb and Huttenlocher 2004) by colour, regions joined by normalised cuts (Shi and Malik 2000). Needs rgb.
FieldValue segment_unsup2d(const Sample& sample);

/// The same by depth, surface direction and occlusion edges. Needs depth_zbuffer and normal.
FieldValue segment_unsup25d(const Sample& sample);

}  // namespace affinis::data::methods
