/* Photos by the camera, made small on the phone: a slow network carries a tenth of what a camera writes. */
const LONGEST_SIDE = 1600;
const QUALITY = 0.8;

/* {blob, picture (data URL), taken}; throws where the file is no picture. */
export async function shrink(file) {
  const image = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  const taken = new Date(Math.min(file.lastModified || Date.now(), Date.now())).toISOString();
  return { blob, taken, picture: await picture(blob) };
}

export function picture(blob) {
  return new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(blob);
  });
}
